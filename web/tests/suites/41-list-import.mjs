// Lists: made, imported into (refused lines, then without them), exported, restored; many items at once; what a viewer
// may not is not there; who lacks a version and why.
import { readFileSync } from "node:fs";

const NAME = "bad_domains";
const path = `/v1/lists/${NAME}`;

async function make(w, page, server) {
  await page.goto(`${server.url}/lists`);
  await page.getByRole("button", { name: "New list" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("bad name");
  await page.getByText("No blanks, no slashes").waitFor();
  await page.getByRole("textbox", { name: "Name" }).fill(NAME);
  await page.getByLabel("New items, one a line").fill(".first.example\n.second.example");
  await w.accessible("list, new");
  await w.picture("list-new-light");
  await page.getByRole("button", { name: "Make the list" }).click();
  await page.getByRole("cell", { name: ".first.example", exact: true }).waitFor();
}

async function appendPreview(w, page) {
  await page.keyboard.press("a");
  const lines = page.getByLabel("New items, one a line");
  await lines.fill("https://Third.example/x\n.first.example\nthird.example\nno domain");
  await page.getByText("1 refused").waitFor();
  await page.getByText("1 there already").waitFor();
  await w.accessible("append, preview");
  await w.picture("append-preview-light");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").getByRole("alert").getByText("Nothing was saved").waitFor();
  await lines.fill("https://Third.example/x");
  await page.getByText("written as https://Third.example/x").waitFor();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("cell", { name: ".third.example", exact: true }).waitFor();
}

const CSV = `id,domain,seen\n${Array.from({ length: 500 }, (_, i) => `${i},host${i}.evil.example,2026-11-22`).join("\n")}\n7,not a domain,x\n`;

async function importCsv(w, page, server) {
  await page.getByRole("button", { name: "Import" }).click();
  await page.getByLabel("File of indicators").setInputFiles({ name: "feed.csv", mimeType: "text/csv", buffer: Buffer.from(CSV) });
  await page.getByRole("cell", { name: "host0.evil.example" }).waitFor();
  w.check(await page.getByRole("combobox", { name: "Column" }).inputValue() === "2" &&
    await page.getByRole("combobox", { name: "Items are" }).inputValue() === "domain",
    "the column of domains is found");
  await w.accessible("import");
  await w.picture("import-light");
  await page.getByRole("dialog").getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText("1 line does not fit; nothing was imported.").waitFor();
  await w.accessible("import, refused");
  await w.picture("import-refused-light");
  await page.getByRole("button", { name: "Import without these lines" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().waitFor();
  await page.locator(".tile.healthy", { hasText: "500" }).waitFor();
  await w.accessible("import, done");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).last().click();
  await page.getByText("503 items").waitFor();
  const { total } = await server.must("GET", `${path}/items?limit=1`, undefined, server.admin);
  w.check(total === 503, "all items are there");
  await page.getByText("In force on 2 of 2 agents").waitFor();
}

async function exportIt(w, page, server) {
  await page.goto(`${server.url}/lists/${NAME}`);
  await page.getByRole("button", { name: "More" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: "Export as CSV" }).click()]);
  const text = readFileSync(await download.path(), "utf8");
  w.check(text.startsWith("item,origin,author,note,time_ms\r\n\".first.example\",") && text.split("\r\n").length === 505,
    "the export has all items");
}

async function versions(w, page, server) {
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.locator(".diff .new", { hasText: ".host0.evil.example" }).waitFor();
  await w.inspect("list-versions", async () => {
    await page.goto(`${server.url}/lists/${NAME}?tab=versions`);
    await page.locator(".diff").first().waitFor();
  });
  await page.goto(`${server.url}/lists/${NAME}?tab=versions`);
  await page.getByRole("button", { name: "Revert to it" }).last().click();
  const dialog = page.getByRole("dialog");
  await dialog.locator(".diff .gone", { hasText: ".host0.evil.example" }).waitFor();
  await dialog.getByRole("button", { name: "Revert to it" }).click();
  await w.until("the items are as at first", async () =>
    (await server.must("GET", `${path}/items`, undefined, server.admin)).total === 2);
}

async function override(w, page, server) {
  await page.goto(`${server.url}/lists/malicious_filenames?tab=text`);
  await page.getByRole("button", { name: "Override" }).click();
  const text = page.getByLabel("Text (YAML)");
  await text.fill("- list: malicious_filenames\n  items: [over.sh]\n  override: {item: append}\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("dialog").getByRole("alert").waitFor();
  await text.fill("- list: malicious_filenames\n  items: [over.sh]\n  override: {items: append}\n");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("The text is saved").waitFor();
  await w.accessible("list, definition");
  await w.picture("list-text-light");
  await page.getByRole("tab", { name: "Items" }).click();
  await page.getByRole("cell", { name: "over.sh", exact: true }).waitFor();
  await page.getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: "Take back all changes" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take back all changes" }).click();
  await w.until("it is as it came", async () => !(await server.must("GET", "/v1/lists/malicious_filenames", undefined, server.admin))
    .overridden);
}

async function lagging(w, page, server) {
  await w.agents[1].stop();
  await server.must("POST", `${path}/append`, { items: [".late.example"] }, server.admin);
  await page.goto(`${server.url}/lists/${NAME}`);
  await page.getByText("In force on 1 of 2 agents").waitFor();
  await page.getByRole("button", { name: "Details" }).click();
  await page.getByText("On its way").waitFor();
  await w.accessible("rollout");
  await w.picture("rollout-light");
  await w.agents[1].heartbeat({ bundle: { version: w.agents[1].version, ok: false, error: "no <b>room</b>" } });
  await page.getByText("no <b>room</b>").waitFor();
  await page.getByText("1 could not load it").waitFor();
  await w.picture("rollout-failed-light");
  w.agents[1].ended = false;
  w.agents[1].follow();
  await w.agents[0].heartbeat();
  await page.getByText("In force on 2 of 2 agents").waitFor();
}

async function viewer(w, server) {
  const page = await w.pageAs("viewer");
  await page.goto(`${server.url}/lists/${NAME}`);
  await page.getByRole("cell", { name: ".first.example", exact: true }).waitFor();
  for (const name of ["Append", "Import", "Remove .first.example"]) {
    w.check(await page.getByRole("button", { name }).count() === 0, `a viewer is not offered ${name}`);
  }
  await page.close();
}

export default async function listImport(w) {
  const { page, server } = w;
  for (const agent of w.agents) await agent.heartbeat();
  await make(w, page, server);
  await appendPreview(w, page);
  await importCsv(w, page, server);
  await exportIt(w, page, server);
  await versions(w, page, server);
  await override(w, page, server);
  await viewer(w, server);
  await lagging(w, page, server);
}
