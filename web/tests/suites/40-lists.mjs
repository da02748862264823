// Lists: story 1's append, and watching it come into force on all agents; removing; an item that is refused.
export default async function lists(w) {
  const { page, server, inspect } = w;
  await inspect("lists", async () => {
    await page.goto(`${server.url}/lists`);
    await page.locator(".table tbody tr").first().waitFor();
  });
  await page.goto(`${server.url}/lists`);
  await page.getByRole("link", { name: "malicious_filenames" }).click();
  await page.getByRole("cell", { name: "kinsing", exact: true }).waitFor();
  await page.getByRole("button", { name: "Append" }).click();
  await page.getByLabel("New items, one a line").fill("test.txt");
  await page.getByLabel("Note").fill("story 1 <b>bold</b>");
  await w.accessible("append");
  await w.picture("append-light");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("1 item appended").waitFor();
  await page.getByText("In force on 2 of 2 agents").waitFor();
  await page.getByRole("row", { name: /test\.txt/ }).waitFor();
  await inspect("list", async () => {
    await page.goto(`${server.url}/lists/malicious_filenames`);
    await page.locator(".table tbody tr").first().waitFor();
    await page.locator("aside .panel").waitFor();
  });
  await page.goto(`${server.url}/lists/malicious_filenames`);
  await page.getByRole("button", { name: "Remove test.txt" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("test.txt was removed").waitFor();
  await page.getByRole("button", { name: "Append" }).click();
  await page.getByLabel("New items, one a line").fill("bad\u0001item");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("dialog [role=alert]").waitFor();
}
