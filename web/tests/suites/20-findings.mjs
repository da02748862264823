// The findings screen: pages, facets, search, filter, keys, and what arrives while one looks.
export default async function findings({ page, server, agents, check, until, inspect, alert }) {
  await page.goto(`${server.url}/findings`);
  await page.locator(".rows tbody tr").first().waitFor();
  check(await page.locator(".rows tbody tr").count() === 50, "a page has 50 rows");
  await page.getByRole("link", { name: "Next page" }).click();
  await until("the second page", async () => (await page.locator(".rows tbody tr").count()) < 50);
  await page.goBack();
  await until("the first page again", async () => (await page.locator(".rows tbody tr").count()) === 50);
  await inspect("findings", async () => {
    await page.goto(`${server.url}/findings?sort=-severity`);
    await page.locator(".rows tbody tr").first().waitFor();
    await page.locator(".facet").nth(2).waitFor();
  });
  await page.getByRole("button", { name: /^Only Severity: Critical/ }).click();
  await page.waitForURL(/is=band/);
  await page.getByRole("searchbox").fill("cnrig");
  await page.keyboard.press("Enter");
  await until("one finding", async () => (await page.locator(".rows tbody tr").count()) === 1);
  await page.getByRole("textbox", { name: "Filter" }).fill("nonsense ===");
  await page.keyboard.press("Enter");
  await page.getByText("The filter is not written correctly").waitFor();
  await page.goto(`${server.url}/findings?time=24h`);
  await page.locator(".rows tbody tr").first().waitFor();
  await page.locator("body").click({ position: { x: 5, y: 400 } });
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.locator("dialog.drawer .lineage").waitFor();
  await page.keyboard.press("Escape");
  await until("the drawer closes", async () => !page.url().includes("open="));
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await until("it is live", async () => (await page.locator(".live.live").count()) === 1);
  await agents[0].send([alert("Brand new rule", "Critical", 9.1, { file: "/new" })]);
  await page.getByRole("button", { name: /1 new/ }).click();
  await page.getByRole("link", { name: "Brand new rule" }).waitFor();
}
