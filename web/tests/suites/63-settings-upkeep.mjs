// Settings: copies, diagnostics, suppressions and exceptions: done in the browser, looked at through the API.
export const needs = "login";

async function deed(page, button, confirm = button) {
  await page.locator("dialog.drawer").getByRole("button", { name: button, exact: true }).click();
  await page.locator("dialog.box").getByRole("button", { name: confirm, exact: true }).click();
}

async function system(w) {
  const { page, server, check } = w;
  await page.goto(`${server.url}/settings/system`);
  await page.getByRole("button", { name: "Back up now" }).click();
  await page.getByText("Made:").waitFor();
  await page.getByRole("cell", { name: "Complete" }).first().waitFor();
  check((await server.must("GET", "/v1/backups", undefined, server.admin)).items.length > 0, "the backup is there");
  await page.getByText("/s").first().waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download diagnostics" }).click()]);
  check(/^hinomi-diagnostics-.*\.json$/.test(download.suggestedFilename()), "diagnostics are a file");
}

async function suppressions(w) {
  const { page, server, check } = w;
  const all = async () => (await server.must("GET", "/v1/suppressions", undefined, server.admin)).items;
  const mine = async () => (await all()).find((one) => one.name.startsWith("noisy"));
  await page.goto(`${server.url}/settings/suppressions`);
  await page.getByRole("button", { name: "New suppression" }).click();
  await page.getByLabel("Name", { exact: true }).fill("noisy");
  await page.getByLabel("Filter").fill("nonsense ===");
  await page.getByText("The filter is not written correctly").waitFor();
  await page.getByLabel("Filter").fill('host = "nowhere"');
  await page.getByText("Fits 0 findings of the last 7 days.").waitFor();
  await page.getByLabel("Reason").fill("known");
  await w.accessible("settings, new suppression");
  await w.picture("settings-suppression-new-light");
  await page.getByRole("button", { name: "Suppress", exact: true }).click();
  await page.getByRole("link", { name: "noisy" }).click();
  await page.getByLabel("Reason").fill("well known");
  await page.getByLabel("Ends").selectOption("never");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  const changed = await mine();
  check(changed.reason === "well known" && changed.expires_ms === null && changed.filter === 'host = "nowhere"', "it is changed");
  await deed(page, "End it");
  await page.getByText("The suppression has ended").waitFor();
  check(await mine() === undefined, "it has ended");
}

async function exceptions(w) {
  const { page, server, check } = w;
  const made = await server.must("POST", "/v1/exceptions", { rule: "Malicious filenames written", reason: "trial",
    fields: [{ field: "proc.name", op: "=", value: "trial-run" }] }, server.admin);
  const mine = async () => (await server.must("GET", "/v1/exceptions", undefined, server.admin)).items.find((one) => one.id === made.id);
  await page.goto(`${server.url}/settings/exceptions?q=trial-run`);
  await page.getByRole("link", { name: "Malicious filenames written" }).click();
  await page.getByText(/kept alert/).waitFor();
  await page.getByLabel("Reason").fill("a longer trial");
  await page.getByLabel("Ends").selectOption("30d");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  const changed = await mine();
  check(changed.reason === "a longer trial" && changed.expires_ms > Date.now() + 29 * 86_400_000, "reason and end are changed");
  await deed(page, "End the exception");
  await page.getByText("The exception has ended").waitFor();
  check((await mine()).state === "removed", "the exception has ended");
  await page.goto(`${server.url}/settings/exceptions?show=ended&q=trial-run`);
  await page.getByRole("cell", { name: "Ended by hand" }).waitFor();
}

export default async function upkeep(w) {
  for (const part of [system, suppressions, exceptions]) await part(w);
}
