// Rules: the library and what narrows it; story 1's way from a rule's condition to its list; switches; changes of a
// managed rule beside it; a rule of one's own from the first letter to its versions; imports; what a viewer may.
const RULE = "Malicious filenames written";
const PATH = `/rules/${encodeURIComponent(RULE)}`;

async function library(w) {
  const { page, server, check } = w;
  await w.inspect("rules", async () => {
    await page.goto(`${server.url}/rules`);
    await page.locator(".library tbody tr").first().waitFor();
  });
  await page.goto(`${server.url}/rules`);
  await page.locator(".library tbody tr").first().waitFor();
  const all = await page.locator(".library tbody tr").count();
  await page.getByLabel("Search rules").fill("malicious filenames");
  await page.waitForURL(/q=malicious/);
  check(await page.locator(".library tbody tr").count() < all, "rules: the search narrows nothing down");
  await page.goto(`${server.url}/rules?severity=critical`);
  await page.getByRole("link", { name: RULE }).waitFor();
  check(await page.locator(".library tbody .severity:not(.critical)").count() === 0, "rules: others than critical ones");
  await page.goto(`${server.url}/rules?q=nothing+like+this`);
  await page.getByRole("heading", { name: "No rule fits" }).waitFor();
  await w.inspect("macros", async () => {
    await page.goto(`${server.url}/macros`);
    await page.locator(".library tbody tr").first().waitFor();
  });
}

async function story(w) {
  const { page, server } = w;
  await w.inspect("rule", async () => {
    await page.goto(server.url + PATH);
    await page.locator(".condition").first().waitFor();
  });
  await page.goto(`${server.url}/rules`);
  await page.getByRole("link", { name: RULE }).click();
  await page.locator(".condition").getByRole("link", { name: "malicious_filenames" }).first().click();
  await page.waitForURL(/\/lists\/malicious_filenames$/);
  await page.getByRole("cell", { name: "kinsing", exact: true }).waitFor();
  await page.goBack();
  await page.locator(".condition").getByRole("link", { name: "file_written" }).first().click();
  await page.waitForURL(/\/macros\/file_written$/);
  await page.getByRole("link", { name: RULE }).waitFor();
  await w.inspect("macro", async () => {
    await page.goto(`${server.url}/macros/file_written`);
    await page.locator(".condition").waitFor();
  });
}

async function switches(w) {
  const { page, server, check } = w;
  await page.goto(server.url + PATH);
  await page.getByRole("switch", { checked: true }).click();
  await page.getByRole("switch", { checked: false }).waitFor();
  await page.getByText(/In force on 2 of 2 agents/).waitFor();
  check((await server.must("GET", `/v1${PATH}`, undefined, server.admin)).enabled === false, "rules: it is not off");
  await page.getByRole("switch").click();
  await page.getByRole("switch", { checked: true }).waitFor();
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.locator(".versions > li").first().waitFor();
  check(await page.locator(".versions > li").count() === 2, "rules: not two versions");
  await w.inspect("rule-versions", async () => {
    await page.goto(`${server.url}${PATH}?part=versions`);
    await page.locator(".versions > li .diff").first().waitFor();
  });
}

const NEW = `- rule: Suite's <b>rule</b>
  desc: made by a test
  condition: evt.type = execve and proc.name in (shell_names)
  output: a shell (%proc.name)
  priority: NOTICE
`;

/** The editor's text is put in as a paste is. */
async function write(page, text) {
  const content = page.locator(".editor-host .cm-content");
  await content.click();
  await page.keyboard.press("Control+a");
  await page.keyboard.insertText(text);
}

async function editor(w) {
  const { page, server, check } = w;
  await w.inspect("rule-new", async () => {
    await page.goto(`${server.url}/rules/new/rule`);
    await page.locator(".editor-host .cm-content").waitFor();
    await page.getByText("No errors").or(page.getByText("エラーなし")).waitFor();
  });
  await page.goto(`${server.url}/rules/new/rule`);
  await write(page, "- rule: X\n  desc: d\n  condition: evt.type = open and proc.nam = 日本\n  output: o\n  priority: NOTICE\n");
  await page.locator(".diagnostic.error").first().waitFor();
  check(await page.locator(".editor-host .cm-lintRange-error").count() > 0, "editor: no mark in the text");
  check(await page.getByRole("button", { name: "Save" }).isDisabled(), "editor: what has errors can be saved");
  await page.locator(".diagnostic.error").getByRole("button").first().click();
  await page.keyboard.press("End");
  await w.picture("editor-error-light");
  await write(page, "- rule: X\n  desc: d\n  condition: fil");
  await page.locator(".cm-tooltip-autocomplete").getByText("file_written").waitFor();
  await w.picture("editor-complete-light");
  await page.keyboard.press("Escape");
  await write(page, "- rule: X\n  desc: d\n  condition: proc.name in (shell_");
  await page.keyboard.press("Control+Space");
  await page.locator(".cm-tooltip-autocomplete").getByText("shell_names").waitFor();
  await page.keyboard.press("Escape");
  await write(page, NEW);
  await page.locator(".check-state.good").waitFor();
  await page.getByRole("button", { name: "Try it" }).click();
  await page.getByText(/would match/).waitFor();
  await page.keyboard.press("Control+s");
  await page.locator(".editor-host .cm-content").click();
  await page.keyboard.press("Control+s");
  await page.waitForURL(/saved=\d+/);
  await page.getByText("In force on 2 of 2 agents").waitFor();
  const made = await server.must("GET", `/v1/rules/${encodeURIComponent("Suite's <b>rule</b>")}`, undefined, server.admin);
  check(made.origin === "own" && made.parts[0].text === NEW, "editor: the rule is not what was written");
}

async function override(w) {
  const { page, server, check } = w;
  await w.inspect("rule-edit", async () => {
    await page.goto(`${server.url}${PATH}/edit`);
    await page.locator(".editor-host .cm-content").waitFor();
    await page.locator(".check-state.good").waitFor();
  });
  await page.goto(`${server.url}${PATH}/edit`);
  await page.getByRole("button", { name: "Priority" }).click();
  await page.locator(".editor-host .cm-content").getByText("override").waitFor();
  await page.locator(".check-state.good").waitFor();
  await page.getByLabel(/Why\?/).fill("louder <i>");
  await page.getByRole("tab", { name: "Difference" }).click();
  await page.locator(".diff .new").first().waitFor();
  const { version } = await server.must("GET", `/v1${PATH}`, undefined, server.admin);
  await server.must("PUT", `/v1${PATH}`, { version, text: `- rule: ${RULE}\n  priority: EMERGENCY\n  override: {priority: replace}\n` },
    server.admin);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Somebody saved this while you wrote").waitFor();
  await w.accessible("collision");
  await page.getByRole("button", { name: /Keep mine/ }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.waitForURL(/saved=\d+/);
  await page.getByText("changed here").first().waitFor();
  const now = await server.must("GET", `/v1${PATH}`, undefined, server.admin);
  check(now.overridden && now.priority === "Critical", "override: it is not as it was written");
  check(now.parts[0].part === "managed" && now.parts[0].text.includes("malicious_filenames"), "override: the managed text changed");
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.getByText("louder <i>").waitFor();
  await page.getByRole("button", { name: /Revert to it/ }).first().click();
  await page.locator("dialog .diff").waitFor();
  await w.accessible("revert");
  await page.getByRole("dialog").getByRole("button", { name: "Revert to it" }).click();
  await page.getByText(/^As in version/).waitFor();
  check((await server.must("GET", `/v1${PATH}`, undefined, server.admin)).priority === "Emergency", "revert: not as it was");
  await page.getByRole("tab", { name: "YAML" }).click();
  await w.picture("rule-yaml-light");
  await page.getByRole("button", { name: /Take back all changes/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take back all changes" }).click();
  await page.getByText(/is as delivered/).waitFor();
  check(!(await server.must("GET", `/v1${PATH}`, undefined, server.admin)).overridden, "take back: it is still changed");
}

async function imports(w) {
  const { page, server, check } = w;
  await page.goto(`${server.url}/rules/new/import`);
  const file = (text) => ({ name: "falco <x>.yaml", mimeType: "text/yaml", buffer: Buffer.from(text) });
  const input = page.getByLabel("File of rules");
  await input.setInputFiles(file("- rule: Broken\n  condition: nothing_like_this\n  desc: d\n  output: o\n  priority: INFO\n"));
  await page.getByText("The engine refuses the file").waitFor();
  const text = `- list: imported_names\n  items: [a, b]\n- macro: shell_names\n  condition: evt.type = open\n${NEW.replace("Suite's", "Imported")}`;
  await input.setInputFiles(file(text.replace("- macro: shell_names\n  condition: evt.type = open\n", "")));
  await page.getByText(/Would make 2/).waitFor();
  await w.inspect("import", async () => {
    await page.goto(`${server.url}/rules/new/import`);
    await page.locator("#import-file").setInputFiles(file(text.replace(/- macro: .*\n.*\n/, "")));
    await page.locator(".import-names li").first().waitFor();
  });
  await page.goto(`${server.url}/rules/new/import`);
  await input.setInputFiles(file(text.replace(/- macro: .*\n.*\n/, "")));
  await page.getByRole("button", { name: "Import", exact: true }).click();
  await page.getByText(/2 made/).waitFor();
  await page.getByText("In force on 2 of 2 agents").waitFor();
  const made = await server.ask("GET", `/v1/rules/${encodeURIComponent("Imported <b>rule</b>")}`, undefined, server.admin);
  check(made.status === 200, "import: there is no such rule");
}

async function viewer(w) {
  const { server, check } = w;
  const page = await w.pageAs("viewer");
  await page.goto(server.url + PATH);
  await page.locator(".condition").first().waitFor();
  check(await page.getByRole("link", { name: "Change…" }).count() === 0, "a viewer is offered to change a rule");
  check(await page.getByRole("switch").isDisabled(), "a viewer is offered to switch a rule");
  await page.goto(`${server.url}${PATH}/edit`);
  await page.getByRole("heading", { name: "Your role may not change rules" }).waitFor();
  await page.close();
}

export default async function rules(w) {
  for (const part of [library, story, switches, editor, override, imports, viewer]) {
    try {
      await part(w);
    } catch (error) {
      throw new Error(`${part.name}: ${error.stack}`);
    }
  }
}
