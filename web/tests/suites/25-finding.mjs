// One finding, as a drawer and as a page: triage, alerts, raw.
export default async function finding(w) {
  const { page, server, check, inspect } = w;
  const { id } = await w.findingWhere('rule = "Malicious filenames written"');
  await inspect("drawer", async () => {
    await page.goto(`${server.url}/findings?open=${id}`);
    await page.locator("dialog.drawer .lineage").waitFor();
    await page.getByText("touch wrote /kinsing", { exact: false }).or(page.getByText("書き込みました")).first().waitFor();
  });
  await inspect("finding", async () => {
    await page.goto(`${server.url}/findings/${id}`);
    await page.locator(".lineage").waitFor();
  });
  await page.goto(`${server.url}/findings/${id}`);
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("Saved: Acknowledged").waitFor();
  await page.getByLabel("Assigned to").selectOption("admin");
  await page.getByText("Saved: admin").waitFor();
  const now = await server.must("GET", `/v1/findings/${id}`, undefined, server.admin);
  check(now.status === "acknowledged" && now.assignee === "admin", "status and assignee are kept");
  await page.getByRole("tab", { name: "Raw" }).click();
  await page.locator("pre.raw").waitFor();
  await page.getByRole("tab", { name: "Alerts" }).click();
  await page.locator(".alerts li").first().waitFor();
  await w.accessible("finding, alerts");
}
