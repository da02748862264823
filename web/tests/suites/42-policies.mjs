// Policies: made of chosen rules, switched, given actions, severity and scope, restored, taken back; a managed one is
// kept as it is; what a viewer may not is not there.
const NAME = "Shop <b>policy</b>";

async function make(w, page, server) {
  await w.inspect("policies", async () => {
    await page.goto(`${server.url}/policies`);
    await page.locator(".table tbody tr").first().waitFor();
    await page.locator(".rollout.done").waitFor();
  });
  await page.goto(`${server.url}/policies`);
  await page.getByRole("button", { name: "New policy" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("Runtime Threat Intelligence");
  await page.getByText("There is a policy of this name already.").waitFor();
  await page.getByRole("textbox", { name: "Name" }).fill(NAME);
  await page.getByRole("checkbox", { name: "Malicious filenames written" }).check();
  await page.getByRole("checkbox", { name: "Miner started" }).check();
  await w.accessible("policy, new");
  await w.picture("policy-new-light");
  await page.getByRole("button", { name: "Make the policy" }).click();
  await page.getByRole("heading", { name: NAME }).waitFor();
}

const url = (server, name) => `${server.url}/policies/${encodeURIComponent(name)}`;
const get = (server, name) => server.must("GET", `/v1/policies/${encodeURIComponent(name)}`, undefined, server.admin);

async function change(w, page, server) {
  await page.getByRole("switch", { name: "Rule Miner started" }).click();
  await page.getByRole("group", { name: "Actions of Malicious filenames written" }).getByRole("button", { name: "Deny" }).click();
  await page.getByRole("tab", { name: "Severity and scope" }).click();
  await page.getByRole("radio", { name: "The same for all" }).check();
  await page.getByLabel("Severity, 0.0 to 10.0").fill("8.5");
  await page.getByRole("textbox", { name: "Where it holds" }).fill("proc.name = sh");
  await page.locator(".field .fault").waitFor();
  await page.getByRole("textbox", { name: "Where it holds" }).fill("ecs.cluster = production");
  await page.getByText("The engine understands it.").waitFor();
  await w.accessible("policy, settings");
  await w.picture("policy-settings-light");
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.getByText("Deny, kill, stop and pause act on running applications.").waitFor();
  await w.accessible("policy, review");
  await w.picture("policy-review-light");
  await page.getByLabel("Comment").fill("why");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("The policy is saved").waitFor();
  await page.getByText("In force on 2 of 2 agents").waitFor();
  const now = await get(server, NAME);
  const [written, miner] = now.rules;
  w.check(now.severity === 8.5 && now.scope === "ecs.cluster = production", "severity and scope are kept");
  w.check(!miner.enabled && written.enabled && written.actions.join() === "deny", "switches and actions are kept");
}

async function onAndOff(w, page, server) {
  await page.getByRole("switch", { name: `Policy ${NAME}`, checked: true }).click();
  await page.getByRole("button", { name: "Switch off" }).click();
  await w.until("it is off", async () => !(await get(server, NAME)).enabled);
  await page.getByRole("switch", { name: `Policy ${NAME}`, checked: false }).click();
  await page.getByRole("dialog").getByText("It acts on running applications: Deny.").waitFor();
  await page.getByRole("button", { name: "Switch on" }).click();
  await w.until("it is on", async () => (await get(server, NAME)).enabled);
}

async function yamlAndBack(w, page, server) {
  await page.getByRole("tab", { name: "YAML" }).click();
  const write = async (text) => {
    await page.locator(".editor-host .cm-content").click();
    await page.keyboard.press("Control+a");
    await page.keyboard.insertText(text);
  };
  await write(`- policy: "${NAME}"\n  rules:\n    - name: Miner begun\n`);
  await page.locator(".check-state.bad").waitFor();
  await w.picture("policy-yaml-light");
  await write(`# kept\n- policy: "${NAME}"\n  rules:\n    - name: Miner started\n`);
  await page.locator(".check-state.good").waitFor();
  await page.getByRole("button", { name: "Save the YAML" }).click();
  await w.until("the text is kept", async () => (await get(server, NAME)).parts.some((part) => part.text.startsWith("# kept")));
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.locator(".diff .gone", { hasText: "Malicious filenames written" }).waitFor();
  await w.accessible("policy, versions");
  await w.picture("policy-versions-light");
  await page.getByRole("button", { name: "Revert to it" }).last().click();
  await page.getByRole("dialog").locator(".diff .new").first().waitFor();
  await w.picture("policy-revert-light");
  await page.getByRole("dialog").getByRole("button", { name: "Revert to it" }).click();
  await w.until("it is as it was made", async () => {
    const now = await get(server, NAME);
    return now.rules.length === 2 && now.severity === null;
  });
}

async function managed(w, page, server) {
  const name = "Runtime Threat Intelligence";
  const before = await get(server, name);
  await w.inspect("policy", async () => {
    await page.goto(url(server, name));
    await page.locator(".policy-rules .severity").first().waitFor();
    await page.locator(".rollout.done").waitFor();
  });
  await page.goto(url(server, name));
  await page.getByRole("switch", { name: "Rule Library preloaded" }).click();
  await page.getByRole("link", { name: "← Policies" }).click();
  await page.getByRole("link", { name }).click();
  await page.getByText("1 change not saved").waitFor();
  await page.getByRole("button", { name: "Review and save" }).click();
  await page.getByText("This policy is managed by Hinomi.").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("The policy is saved").waitFor();
  const over = await get(server, name);
  w.check(over.overridden && over.rules.length === before.rules.length &&
    !over.rules.find((rule) => rule.name === "Library preloaded").enabled, "a copy is in its place");
  await page.getByRole("button", { name: "Take back all changes" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Take back all changes" }).click();
  await w.until("it is as it came", async () => !(await get(server, name)).overridden);
}

async function viewer(w, server) {
  const page = await w.pageAs("viewer");
  await page.goto(url(server, NAME));
  await page.getByRole("link", { name: "Miner started" }).waitFor();
  w.check(await page.getByRole("switch", { name: `Policy ${NAME}` }).isDisabled(), "a viewer switches nothing");
  for (const name of ["Add rules", "Delete the policy"]) {
    w.check(await page.getByRole("button", { name }).count() === 0, `a viewer is not offered ${name}`);
  }
  await page.goto(`${server.url}/policies`);
  await page.getByRole("link", { name: NAME }).waitFor();
  w.check(await page.getByRole("button", { name: "New policy" }).count() === 0, "a viewer makes no policy");
  await page.close();
}

export default async function policies(w) {
  const { page, server } = w;
  for (const agent of w.agents) await agent.heartbeat();
  await make(w, page, server);
  await change(w, page, server);
  await onAndOff(w, page, server);
  await yamlAndBack(w, page, server);
  await viewer(w, server);
  await page.getByRole("button", { name: "Delete the policy" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete the policy" }).click();
  await page.getByRole("heading", { name: "Policies" }).waitFor();
  await w.until("it is gone", async () => (await server.ask("GET", `/v1/policies/${encodeURIComponent(NAME)}`, undefined, server.admin))
    .status === 404);
  await managed(w, page, server);
}
