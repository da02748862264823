// Writing rules: live diagnostics and completion, trying on what is kept, a change beside a managed rule that somebody
// else changed meanwhile, going back, taking back, a file of rules.
const RULE = "Malicious filenames written";
const PATH = `/rules/${encodeURIComponent(RULE)}`;
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
  await w.picture("rule-try-light");
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

export default async function editing(w) {
  for (const part of [editor, override, imports]) {
    try {
      await part(w);
    } catch (error) {
      throw new Error(`${part.name}: ${error.stack}`);
    }
  }
}
