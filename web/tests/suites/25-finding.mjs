// One finding, as a drawer and as a page: what it tells, and what is done from it, each looked at through the API too.

/** The neighbourhood of a finding: what agents ship beside alerts. */
async function activity(w, agent, container, around) {
  const proc = { "proc.pname": "sh", "proc.ppid": 4710, "user.name": "root", "container.id": container };
  const of = (seconds, kind, fields) => ({ time_ms: around + seconds * 1000, kind, fields: { ...proc, ...fields } });
  const list = [
    of(-9, "connect", { "proc.name": "curl", "proc.pid": 4708, "fd.name": "10.0.3.17:40112->203.0.113.9:443", "fd.sip": "203.0.113.9" }),
    of(-9.2, "dns", { "proc.name": "curl", "proc.pid": 4708, "dns.question.name": "files.example.net" }),
    of(-8, "write", { "proc.name": "curl", "proc.pid": 4708, "fd.name": "/tmp/.x/kinsing", "fd.filename": "kinsing" }),
    of(-4, "exec", { "proc.name": "chmod", "proc.pid": 4709, "proc.exepath": "/bin/busybox", "proc.args": "+x /kinsing", "proc.cmdline": "chmod +x /kinsing" }),
    of(0.7, "exec", { "proc.name": "kinsing", "proc.pid": 4715, "proc.exepath": "/kinsing", "proc.args": "-o pool.example:3333", "proc.cmdline": "kinsing -o pool.example:3333" }),
    of(1.9, "dns", { "proc.name": "kinsing", "proc.pid": 4715, "dns.question.name": "pool.example" }),
    of(2.1, "connect", { "proc.name": "kinsing", "proc.pid": 4715, "proc.pname": w.HOSTILE, "fd.name": "10.0.3.17:40113->198.51.100.4:3333" }),
  ];
  const lines = list.map((item, i) => JSON.stringify({ n: agent.sent + 1 + i, activity: item }));
  await w.server.must("POST", `/v1/agents/${agent.id}/batches`, `${lines.join("\n")}\n`, { ...agent.headers,
    "Content-Type": "application/x-ndjson", "Hinomi-Spool": agent.spool, "Hinomi-First": String(agent.sent + 1) });
  agent.sent += list.length;
}

async function looks(w, id) {
  const { page, server, inspect, check } = w;
  await inspect("drawer", async () => {
    await page.goto(`${server.url}/findings?open=${id}`);
    await page.locator("dialog.drawer .lineage").waitFor();
    await page.getByText("touch wrote /kinsing", { exact: false }).or(page.getByText("書き込みました")).first().waitFor();
  });
  await inspect("finding", async () => {
    await page.goto(`${server.url}/findings/${id}`);
    await page.locator(".lineage").waitFor();
  });
  for (const [part, shows] of Object.entries({ timeline: ".finding-around li", related: ".finding-related li", history: ".finding-history li" })) {
    const open = async () => {
      await page.goto(`${server.url}/findings/${id}?part=${part}`);
      await page.locator(shows).first().waitFor();
    };
    await open();
    await (w.pictures ? inspect(`finding-${part}`, open) : w.accessible(`finding, ${part}`));
  }
  await page.goto(`${server.url}/findings/${id}`);
  await page.locator(".match mark").first().waitFor();
  check(await page.locator(".match-value mark").first().textContent() === "kinsing", "the item is marked where it was found");
  check(await page.getByRole("link", { name: "malicious_filenames" }).first().getAttribute("href") ===
    "/lists/malicious_filenames?q=kinsing", "evidence leads to its list");
  check(await page.getByRole("link", { name: /T1105/ }).getAttribute("rel") === "noreferrer noopener", "ATT&CK learns nothing of us");
}

async function tree(w) {
  const { page, check } = w;
  const items = page.getByRole("treeitem");
  check(await items.count() === 4, "the tree has the lineage");
  const levels = await items.evaluateAll((list) => list.map((item) => item.getAttribute("aria-level")).join());
  check(levels === "1,2,3,4", `levels of the tree: ${levels}`);
  await page.locator("[role=treeitem][tabindex='0']").focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await page.locator(".process-detail", { hasText: "tini" }).waitFor();
  await page.keyboard.press("ArrowLeft");
  check(await items.count() === 1, "ArrowLeft closes a node");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("ArrowRight");
  check(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")?.startsWith("node")), "ArrowRight goes to the child");
  await page.keyboard.press("End");
  await page.keyboard.press(" ");
  await page.locator(".process-detail", { hasText: "touch" }).waitFor();
  await page.getByRole("button", { name: "Show what else" }).click();
  await page.getByRole("treeitem", { name: /^kinsing/ }).waitFor();
  check(await items.count() === 6, "what the shell started besides is in the tree");
  await page.evaluate(() => window.scrollTo(0, 0));
  await w.accessible("finding, whole tree");
  await w.picture("finding-tree-light");
}

async function triage(w, id, path) {
  const { page, server, check } = w;
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("Saved: Acknowledged").waitFor();
  await page.getByLabel("Assigned to").selectOption("admin");
  await page.getByText("Saved: admin").waitFor();
  const now = await server.must("GET", path, undefined, server.admin);
  check(now.status === "acknowledged" && now.assignee === "admin", "status and assignee are kept");
  await page.getByRole("tab", { name: "Notes" }).click();
  await page.getByLabel("New note").fill(`Seen.\n${w.HOSTILE}`);
  await page.getByRole("button", { name: "Add note" }).click();
  await page.locator(".finding-notes li", { hasText: "Seen." }).waitFor();
  const notes = await server.must("GET", `${path}/notes`, undefined, server.admin);
  check(notes.items[0]?.text === `Seen.\n${w.HOSTILE}`, "a note is kept as it was written");
  await page.getByRole("tab", { name: "History" }).click();
  for (const text of ["set the status to", "assigned it to", "wrote a note"]) await page.getByText(text).first().waitFor();
  await page.getByRole("tab", { name: "Raw" }).click();
  await page.locator("pre.raw").waitFor();
  await page.getByRole("tab", { name: "Alerts" }).click();
  await page.locator(".alerts li").first().waitFor();
  await w.accessible("finding, alerts");
  check(page.url().endsWith(`/findings/${id}?part=alerts`), "the part is in the address");
}

async function exception(w, path) {
  const { page, server, check } = w;
  await page.getByRole("button", { name: "Make exception" }).click();
  const dialog = page.getByRole("dialog", { name: "Make an exception" });
  await dialog.getByText(/Would have hidden [1-9]\d* of \d+ alerts in 7 days/).waitFor();
  await w.accessible("exception");
  await w.picture("exception-light");
  await dialog.getByLabel("Value of proc.pname").fill("cron");
  await dialog.getByText("Would have hidden 0 of").waitFor();
  await dialog.getByLabel("Value of proc.pname").fill("sh");
  await dialog.getByText(/Would have hidden [1-9]/).waitFor();
  check(await dialog.getByRole("button", { name: "Save exception" }).isDisabled(), "an exception needs a reason");
  await dialog.getByLabel("Reason").fill("our own installer");
  await dialog.getByRole("button", { name: "Save exception" }).click();
  await dialog.getByText("In force on 2 of 2 agents").waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  const { id } = await server.must("GET", path, undefined, server.admin);
  const made = (await server.must("GET", "/v1/exceptions?active=true", undefined, server.admin)).items.find((one) => one.finding === id);
  check(made?.reason === "our own installer" && made.expires_ms > Date.now() && made.fields.length > 1, "the exception is in force");
  await server.must("DELETE", `/v1/exceptions/${made.id}`, undefined, server.admin);
}

async function suppression(w) {
  const { page, server, check } = w;
  const other = await w.findingWhere('rule = "System information collected"');
  await page.goto(`${server.url}/findings/${other.id}`);
  await page.getByRole("button", { name: "Suppress…" }).click();
  const dialog = page.getByRole("dialog", { name: "Suppress what is alike" });
  await dialog.getByText("Holds for 1 finding of").waitFor();
  await w.accessible("suppress");
  await w.picture("suppress-light");
  await dialog.getByRole("textbox", { name: "Filter" }).fill("nonsense ==");
  await dialog.getByText("The filter is not written correctly").waitFor();
  await dialog.getByRole("textbox", { name: "Filter" }).fill('rule = "System information collected"');
  await dialog.getByText("Holds for 1 finding of").waitFor();
  await dialog.getByLabel("Reason").fill("inventory");
  await dialog.getByRole("button", { name: "Suppress" }).click();
  await page.getByText("1 finding set aside").waitFor();
  const now = await server.must("GET", `/v1/findings/${other.id}`, undefined, server.admin);
  check(now.status === "suppressed", "the finding is suppressed");
  const { items } = await server.must("GET", "/v1/suppressions", undefined, server.admin);
  await server.must("DELETE", `/v1/suppressions/${items.find((one) => one.reason === "inventory").id}`, undefined, server.admin);
}

async function respond(w, path) {
  const { page, server, check } = w;
  await page.goto(server.url + path.replace("/v1", ""));
  await page.getByRole("button", { name: /^Respond/ }).click();
  await page.getByRole("menuitem", { name: "Kill the process" }).click();
  const dialog = page.getByRole("dialog", { name: "Kill the process" });
  await dialog.getByText("touch (pid 4711)").waitFor();
  await dialog.getByLabel("Reason").fill("a miner");
  const button = dialog.getByRole("button", { name: "Kill the process" });
  check(await button.isDisabled(), "a response has to be confirmed");
  await dialog.getByRole("checkbox").check();
  await w.accessible("respond");
  await w.picture("respond-light");
  await button.click();
  const made = await w.until("the order", async () => (await server.must("GET", `${path}/responses`, undefined, server.admin)).items[0]);
  check(made.action === "kill" && made.reason === "a miner" && made.order !== null, "the order waits for its agent");
  const { id, headers } = w.agents[0];
  await server.ask("POST", `/v1/agents/${id}/orders/${made.order}`, { ok: true, result: "killed 4711" }, headers);
  await dialog.getByText(/killed 4711|as ordered/).waitFor();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("tab", { name: "History" }).click();
  await page.locator(".finding-responses", { hasText: /killed 4711|as ordered/ }).waitFor();
}

/** A sequence is told by its members. */
async function sequence(w) {
  const { page, server, check } = w;
  const found = await w.findingWhere("sequence = true");
  const open = async () => {
    await page.goto(`${server.url}/findings/${found.id}`);
    await page.locator(".finding-members li").first().waitFor();
  };
  await open();
  await (w.pictures ? w.inspect("finding-sequence", open) : w.accessible("finding, sequence"));
  check(await page.locator(".finding-members li").count() === found.members.length, "each member of a sequence is shown");
  check(await page.getByRole("button", { name: "Make exception" }).count() === 0, "a sequence is no rule's to except");
  await page.locator(".finding-members a").first().click();
  await page.getByRole("tab", { name: "Related" }).click();
  await page.getByText("Part of these attack sequences").waitFor();
}

async function viewer(w, id) {
  const page = await w.pageAs("viewer");
  await page.goto(`${w.server.url}/findings/${id}?part=notes`);
  await page.getByText("You may read findings").waitFor();
  await page.getByRole("tab", { name: "Notes" }).waitFor();
  const buttons = await page.getByRole("button", { name: /Acknowledge|Archive|exception|Suppress|Respond|Add note/ }).count();
  w.check(buttons === 0, "a viewer changes nothing");
  await page.getByRole("tab", { name: "History" }).click();
  await page.locator(".finding-history", { hasText: "set the status to" }).waitFor();
  await page.context().close();
}

export default async function finding(w) {
  const { page, server, check } = w;
  const found = await w.findingWhere('rule = "Malicious filenames written" and container.name = web');
  const path = `/v1/findings/${found.id}`;
  await activity(w, w.agents[0], found.container_id, found.last_seen_ms);
  await looks(w, found.id);
  await tree(w);
  await triage(w, found.id, path);
  await exception(w, path);
  await suppression(w);
  await respond(w, path);
  await sequence(w);
  await viewer(w, found.id);
  await page.goto(`${server.url}/findings/f00000`);
  await page.getByRole("alert").waitFor();
  check(true, "a finding that is not there is said so");
}
