// Texts that break markup, scripts, attributes, addresses, templates and the eye, and every place where somebody may
// write one. Each text carries the name of its place (`zz-file`), so that a test can tell where it is shown.

export const TEXTS = {
  markup: "<img src=x onerror=\"window.hacked=1\"><hacked>",
  script: "</title></textarea></script><script>window.hacked=1</script>",
  attribute: "\" autofocus onfocus=\"window.hacked=1\" x=\"' onmouseover='window.hacked=1' `",
  url: "javascript:window.hacked=1//",
  frame: "<svg/onload=window.hacked=1><iframe srcdoc=\"<script>top.hacked=1</script>\">",
  template: "{{constructor.constructor('window.hacked=1')()}}${window.hacked=1}{file}{count|one|many}$&$1%s%(x)s",
  style: "</style><style>*{display:none}</style><link rel=stylesheet href=//hacked.example>",
  entity: "&lt;img src=x onerror=window.hacked=1&gt;&#x202e;&NewLine;\\u003cscript\\u003e",
  bidi: "invoice\u202egnp.exe\u2066\u200b\ufeff\u00ad",
  control: "a\u0001\u001b]0;title\u0007\u001b[31m\r\u0085\u2028b",
  astral: "\u{1f525}\u{e0041}\u{10ffff}e\u0301\u0301\u0301\u0301\u0301",
  long: "A".repeat(3000),
};

/** Names that JavaScript's objects have already. */
export const NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty"];

const at = (place, kind) => `zz-${place} ${TEXTS[kind]}`;

function fieldsOf(kind) {
  const names = { "fd.name": "file", "proc.name": "proc", "proc.cmdline": "argv", "proc.pname": "parent", "proc.exepath": "exe",
    "user.name": "osuser", "container.name": "container", "container.image.repository": "image", "dns.question.name": "dns" };
  return Object.fromEntries(Object.entries(names).map(([field, place]) => [field, at(place, kind)]));
}

export function alertOf(w, kind) {
  const process = { pid: 1, ns_pid: 1, name: at("proc", kind), exe: at("exe", kind), args: at("argv", kind), uid: 0,
    start: at("start", kind) };
  const made = w.alert(at("rule", kind), "Alert", 9.5, {
    file: at("file", kind), output: at("output", kind), host: at("host", kind), policy: at("policy", kind), type: at("type", kind),
    tags: [at("tag", kind)], fields: fieldsOf(kind), lineage: [process, { ...process, pid: 2 }],
    container: { id: `c-${kind}`, name: at("container", kind), image: at("image", kind), repository: at("image", kind),
      digest: at("digest", kind) },
    evidence: [{ list: at("list", kind), item: at("item", kind), field: at("field", kind) }],
  });
  made.hinomi.ecs = Object.fromEntries(["cluster", "task_arn", "task_id", "family", "revision", "service"]
    .map((name) => [name, at(name, kind)]));
  return made;
}

function activityOf(kind) {
  return ["exec", "connect", "dns", "write"].map((what) => ({ time_ms: Date.now(), kind: what,
    fields: { "evt.type": what, ...fieldsOf(kind), "proc.pid": 1, "container.id": `c-${kind}` } }));
}

/** Does it, or is refused by the server: either is safe. Returns whether it was done. */
async function attempt(w, method, path, body, headers = {}) {
  const { status, body: said } = await w.server.ask(method, path, body, { ...w.server.admin, ...headers });
  w.check(status < 500, `${method} ${path} of the corpus: ${status} ${JSON.stringify(said).slice(0, 300)}`);
  return status < 300;
}

async function agentsOf(w, kind) {
  const { agents: [agent], server } = w;
  const sent = [await agent.trySend([alertOf(w, kind)]), await agent.tryRecords(activityOf(kind).map((activity) => ({ activity })))];
  const name = at("agent", kind).slice(0, 60);
  const enrolment = await server.ask("POST", "/v1/enrolments", { name: at("enrolment", kind).slice(0, 60),
    cluster: at("agentcluster", kind).slice(0, 100), labels: { [kind]: at("label", kind).slice(0, 200) } }, server.admin);
  if (enrolment.status >= 300) return sent;
  const rogue = await w.Agent.join(server, enrolment.body.token, { name, hostname: name, kernel: at("kernel", kind).slice(0, 100),
    version: at("version", kind).slice(0, 100), sensor: at("sensor", kind).slice(0, 100) });
  if (!rogue) return sent;
  await rogue.heartbeat({ version: at("version", kind), sensor: at("sensor", kind), health: { ok: false, reason: at("health", kind) },
    bundle: { version: 1, ok: false, error: at("bundle", kind) },
    containers: [{ id: "c", name: at("container", kind), image: at("image", kind), watched: false, why: at("why", kind) }] })
    .catch(() => undefined);
  return sent;
}

const quoted = (text) => JSON.stringify(text);

async function contentOf(w, kind) {
  const name = at("own", kind).slice(0, 150);
  const list = "malicious_filenames";
  const done = [
    await attempt(w, "POST", `/v1/lists/${list}/append`, { items: [at("item", kind)], note: at("itemnote", kind).slice(0, 900),
      comment: at("comment", kind).slice(0, 900) }),
    await attempt(w, "POST", "/v1/lists", { name: `zz_${kind}`, items: [at("item", kind)], comment: at("comment", kind).slice(0, 900) }),
    await attempt(w, "POST", "/v1/lists", { name, items: ["a"] }),
    await attempt(w, "POST", "/v1/rules", { comment: at("comment", kind).slice(0, 900), text:
      `- rule: ${quoted(name)}\n  desc: ${quoted(at("desc", kind))}\n  condition: evt.type = execve and proc.name = "zz-cond"\n` +
      `  output: ${quoted(at("output", kind).replaceAll("%", "%%"))}\n  priority: NOTICE\n  tags: [${quoted(at("tag", kind))}]\n` }),
    await attempt(w, "POST", "/v1/macros", { text: `- macro: zz_${kind}\n  condition: ${quoted(`proc.name = ${quoted(at("macro", kind))}`)}\n` }),
    await attempt(w, "POST", "/v1/policies", { text: `- policy: ${quoted(name)}\n  rules: [Malicious filenames written]\n` }),
  ];
  return done;
}

async function peopleOf(w, kind) {
  const text = (place, most) => [...at(place, kind)].slice(0, most).join("");
  const finding = await w.findingWhere(`container.id = "c-${kind}"`) ?? await w.findingWhere("");
  return [
    await attempt(w, "POST", `/v1/findings/${finding.id}/notes`, { text: at("note", kind) }),
    await attempt(w, "POST", "/v1/users", { name: text("user", 60), role: "viewer", password: w.PASSWORD }),
    await attempt(w, "POST", "/v1/users", { name: `zz-${kind}`, display_name: text("display", 190), role: "viewer", password: w.PASSWORD }),
    await attempt(w, "POST", "/v1/tokens", { name: text("token", 60), permissions: ["read"] }),
    await attempt(w, "POST", "/v1/filters", { name: text("filter", 90), filter: `rule = ${quoted(at("rule", kind))}`, shared: true }),
    await attempt(w, "POST", "/v1/suppressions", { name: text("suppression", 90), filter: `host = ${quoted(at("nohost", kind))}`,
      reason: text("reason", 900) }),
    await attempt(w, "POST", "/v1/exceptions", { rule: "Malicious filenames written", reason: text("exreason", 900),
      fields: [{ field: "proc.name", op: "=", value: at("exvalue", kind) }] }),
    await attempt(w, "POST", `/v1/findings/${finding.id}/respond`, { action: "capture", reason: text("response", 900) }),
  ];
}

/** Whom nobody tells anything: what is shown of channels and rules is enough. */
async function channelsOf(w, kind) {
  const text = (place) => [...at(place, kind)].slice(0, 90).join("");
  const { status, body } = await w.server.ask("POST", "/v1/notifications/channels", { kind: "webhook", name: text("channel"),
    enabled: false, config: { url: "http://127.0.0.1:9/" }, secrets: { secret: "sixteen characters" } }, w.server.admin);
  w.check(status < 500, `a channel of the corpus: ${status}`);
  if (status >= 300) return [false];
  return [true, await attempt(w, "POST", "/v1/notifications/rules", { name: text("notifyrule"), channels: [body.id],
    filter: `rule = ${quoted(at("rule", kind))}` })];
}

async function falcoOf(w, kind, headers) {
  return [await attempt(w, "POST", "/", { rule: at("falcorule", kind), priority: "Critical", output: at("falco", kind),
    hostname: `far-${kind}`, time: new Date().toISOString(), source: at("source", kind), tags: [at("tag", kind)],
    output_fields: { [at("key", kind)]: at("value", kind), "proc.name": at("proc", kind) } }, headers)];
}

async function names(w) {
  for (const name of NAMES) {
    await w.agents[0].trySend([w.alert(name, "Alert", 9.1, { policy: name, type: name, tags: [name], fields: { "user.name": name },
      evidence: [{ list: name, item: name, field: name }] })]);
    await attempt(w, "POST", "/v1/lists", { name, items: [name] });
    await attempt(w, "POST", "/v1/filters", { name, filter: `rule = "${name}"`, shared: true });
    await attempt(w, "POST", "/v1/users", { name: `a-${name}`, role: "viewer", password: w.PASSWORD });
  }
}

/** Writes every text in every place. Returns how many were taken, and how many refused. */
export async function plant(w) {
  const taken = [];
  const { token } = await w.server.must("POST", "/v1/tokens", { name: "falco", permissions: ["falco"] }, w.server.admin);
  const falco = { Authorization: `Bearer ${token}` };
  for (const kind of Object.keys(TEXTS)) {
    taken.push(...await agentsOf(w, kind), ...await falcoOf(w, kind, falco), ...await contentOf(w, kind), ...await peopleOf(w, kind),
      ...await channelsOf(w, kind));
  }
  await names(w);
  return { taken: taken.filter(Boolean).length, refused: taken.filter((one) => !one).length };
}
