// The overview: what burns, since the last visit, the chart and its table, and where its links lead.
export default async function overview({ page, server, agents, until, inspect, check, accessible, alert }) {
  const open = async () => {
    await page.goto(`${server.url}/overview`);
    await page.locator(".chart svg").waitFor();
    await page.locator(".newest li").first().waitFor();
    await page.locator(".ranking").nth(2).waitFor();
    await page.locator(".since .plain").waitFor();
  };
  await inspect("overview", open);
  await open();
  await page.locator(".chart-table summary").click();
  await page.locator(".chart-table tbody tr").first().waitFor();
  await accessible("overview, table");
  await page.locator(".chart svg a[tabindex='0']").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/findings\?.*from=\d+/);
  await page.locator(".rows tbody tr").first().waitFor();
  await open();
  await page.locator(".ranking a", { hasText: "Malicious filenames written" }).click();
  await page.waitForURL(/is=rule/);
  await until("the findings of that rule", async () => (await page.locator(".rows tbody tr").count()) === 2);
  await open();
  const tile = page.locator(".tile-link.critical strong");
  const before = Number(await tile.textContent());
  await agents[0].send([alert("Overview sees this", "Critical", 9.4, { file: "/overview" })]);
  await until("it counts by itself", async () => Number(await tile.textContent()) === before + 1);
  await page.getByRole("link", { name: "Overview sees this" }).first().waitFor();
  await page.keyboard.press("2");
  await page.waitForURL(/\/findings/);
  check(await page.locator(".nav a[aria-current]").count() === 1, "the navigation says where one is");
}
