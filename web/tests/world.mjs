// A real server with findings, agents that follow its rules, and some text that attackers wrote.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const PASSWORD = "correct horse battery staple";
const LIMIT_MS = 60_000;
const BEAT_MS = 5_000;
let instances = 0x1000;

export async function until(what, condition) {
  const end = Date.now() + LIMIT_MS;
  while (Date.now() < end) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come about: ${what}`);
}

export class Server {
  /** `prepare` gets the directory that the server will keep its state in; `more` is of its configuration. */
  static async start(program, content, prepare, more = "") {
    const server = new Server();
    server.base = mkdtempSync(join(tmpdir(), "hinomi-console-"));
    prepare?.(join(server.base, "state"));
    const config = join(server.base, "server.yaml");
    writeFileSync(config, `content: {dir: ${content}}\nlimits: {findings_per_agent: 100000}\n` +
      `outbound: {allow_private: true}\n${more}`);
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HINOMI_")));
    server.process = spawn(program, ["--config", config, "--listen", "127.0.0.1:0", "--dir", join(server.base, "state")],
      { stdio: ["ignore", "pipe", "pipe"], env });
    server.log = "";
    for (const stream of [server.process.stdout, server.process.stderr]) {
      stream.on("data", (data) => { server.log += data; });
    }
    server.url = await until("the server listens", () => {
      if (server.process.exitCode !== null) throw new Error(`the server ended: ${server.log}`);
      return /listening on (http:\/\/[^/\s]+)\//.exec(server.log)?.[1];
    });
    return server;
  }

  setupLink() {
    return readFileSync(join(this.base, "state", "setup-link"), "utf8").trim();
  }

  async stop() {
    this.process.kill("SIGTERM");
    if (this.process.exitCode === null) await once(this.process, "exit");
    rmSync(this.base, { recursive: true });
  }

  async ask(method, path, body, headers = {}) {
    const response = await fetch(this.url + path, {
      method, headers: { ...(body && typeof body === "object" ? { "Content-Type": "application/json" } : {}), ...headers },
      body: body === undefined ? undefined : typeof body === "object" ? JSON.stringify(body) : body,
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text, headers: response.headers };
  }

  async must(...args) {
    const answer = await this.ask(...args);
    if (answer.status >= 300) throw new Error(`${args[0]} ${args[1]}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  async logIn() {
    const { token } = await this.must("POST", "/v1/session", { name: "admin", password: PASSWORD, cookie: false });
    this.admin = { Authorization: `Bearer ${token}` };
  }
}

/** Speaks as an agent does: sends alerts, waits for rules and says which it has. */
export class Agent {
  static async enrol(server, name, number) {
    const instance = number.toString(16).padStart(16, "0");
    const enrolment = await server.must("POST", "/v1/enrolments", { name, cluster: "shop-production" }, server.admin);
    const agent = await Agent.join(server, enrolment.token, { name, instance, version: "0.1.0", kernel: "6.1.0", hostname: name,
      sensor: "notify" });
    if (!agent) throw new Error(`${name} was refused`);
    return agent;
  }

  /** With the token of an enrolment; null: refused. */
  static async join(server, token, self) {
    const instance = self.instance ?? (++instances).toString(16).padStart(16, "0");
    const made = await server.ask("POST", "/v1/agents", { ...self, instance }, { Authorization: `Bearer ${token}` });
    if (made.status >= 300) return null;
    return Object.assign(new Agent(), { server, id: made.body.id, sent: 0, spool: instance, version: 0, order: 0, ended: false,
      headers: { Authorization: `Bearer ${made.body.credential}`, "Hinomi-Instance": instance } });
  }

  /** Records as they are, numbered; whether the server took them. */
  async tryRecords(records) {
    const first = this.sent + 1;
    const lines = records.map((record, i) => JSON.stringify({ n: first + i, ...record }));
    const { status, body } = await this.server.ask("POST", `/v1/agents/${this.id}/batches`, `${lines.join("\n")}\n`, {
      ...this.headers, "Content-Type": "application/x-ndjson", "Hinomi-Spool": this.spool, "Hinomi-First": String(first) });
    if (status >= 500 || status === 429) throw new Error(`batch: ${status} ${JSON.stringify(body)}`);
    if (status >= 300) return false;
    this.sent += records.length;
    return true;
  }

  async trySend(alerts) {
    const first = this.sent + 1;
    return this.tryRecords(alerts.map((alert, i) => ({ alert: {
      ...alert, hinomi: { ...alert.hinomi, id: `${this.id}:b007:${first + i}` } } })));
  }

  async send(alerts) {
    if (!await this.trySend(alerts)) throw new Error("the server refused alerts");
  }

  async heartbeat(more = {}) {
    await this.server.must("POST", `/v1/agents/${this.id}/heartbeat`, { version: "0.1.0", sensor: "notify", drops: 0,
      now_ms: Date.now(), bundle: { version: this.version, ok: true },
      containers: [{ id: "c1", name: "web", watched: true }], ...more }, this.headers);
  }

  /** Until stop(): takes each new bundle, says that it is in force, and that it lives. */
  follow() {
    this.beat = setInterval(() => { this.heartbeat().catch(() => undefined); }, BEAT_MS);
    this.following = (async () => {
      while (!this.ended) await this.poll();
    })().catch((error) => { if (!this.ended) throw error; });
  }

  /** Waits for rules, a change of them, or orders; orders it calls done. */
  async poll() {
    this.abort = new AbortController();
    const response = await fetch(`${this.server.url}/v1/agents/${this.id}/bundle?after=${this.version}&orders=${this.order}`,
      { headers: this.headers, signal: this.abort.signal });
    if (response.headers.get("content-type")?.includes("orders")) {
      for (const { id } of (await response.json()).orders) {
        this.order = Math.max(this.order, id);
        await this.server.ask("POST", `/v1/agents/${this.id}/orders/${id}`, { ok: true, result: "as ordered" }, this.headers);
      }
      return;
    }
    await response.arrayBuffer();
    if (response.status !== 200) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return;
    }
    this.version = Number(response.headers.get("Hinomi-Version"));
    await this.heartbeat();
  }

  async stop() {
    this.ended = true;
    clearInterval(this.beat);
    this.abort?.abort();
    await this.following;
  }
}

const LINEAGE = [
  { uuid: "4", pid: 4711, ns_pid: 31, name: "touch", exe: "/bin/busybox", args: "/kinsing", uid: 0, start: "2026-11-22T10:00:05Z" },
  { uuid: "3", pid: 4710, ns_pid: 30, name: "sh", exe: "/bin/busybox", args: "-c touch /kinsing", uid: 0, start: "2026-11-22T10:00:05Z" },
  { uuid: "2", pid: 4600, ns_pid: 7, name: "node", exe: "/usr/bin/node", args: "/srv/app/server.js", uid: 1000, start: "2026-11-22T08:12:00Z" },
  { uuid: "1", pid: 4590, ns_pid: 1, name: "tini", exe: "/sbin/tini", args: "-- node /srv/app/server.js", uid: 1000, start: "2026-11-22T08:11:59Z" },
];

export function alert(rule, priority, severity, more = {}) {
  const file = more.file ?? "/kinsing";
  const container = { id: "8c1f2a9b77d0", name: "web", image: "registry.example/shop/web:1.4.2", repository: "registry.example/shop/web",
    digest: "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef", ...more.container };
  return {
    hostname: more.host ?? "ip-10-0-3-17", priority, rule, source: "syscall", tags: more.tags ?? ["container", "T1105"],
    time: new Date(more.time ?? Date.now()).toISOString(),
    output: more.output ?? `${rule} (file=${file} process=touch ${file})`,
    output_fields: { "fd.name": file, "proc.name": "touch", "proc.cmdline": more.cmdline ?? `touch ${file}`, "proc.pname": "sh",
      "proc.exepath": "/bin/busybox", "user.name": "root", "container.name": container.name, "container.id": container.id,
      "container.image.repository": container.repository, ...more.fields },
    hinomi: { v: 1, policy: more.policy ?? "Runtime Threat Intelligence", severity, type: more.type ?? "Execution:Runtime/MaliciousFile",
      outcome: "succeeded", lineage: more.lineage ?? LINEAGE, container,
      ecs: { cluster: "shop-production", task_arn: "arn:aws:ecs:eu-central-1:111122223333:task/shop-production/9f2c",
        task_id: "9f2c0d", family: "shop-web", revision: "42", ...more.ecs },
      evidence: more.evidence ?? [{ list: "malicious_filenames", item: "kinsing", field: "fd.filename" }] },
  };
}

/** Text that breaks markup, and hides a part of itself; all of a kind are in corpus.mjs. */
export const HOSTILE = "<img src=x onerror=\"window.hacked=1\">\u202egnp.exe\u200b</title><script>window.hacked=1</script>";

export function findings() {
  const hour = 3_600_000;
  const at = (h) => Date.now() - h * hour;
  const list = [
    alert("Malicious filenames written", "Critical", 8.5),
    alert("Malicious filenames written", "Critical", 8.5),
    alert("Malicious filenames written", "Critical", 8.5, { container: { id: "77ab", name: "worker", image: "registry.example/shop/worker:2.0" } }),
    alert("Known miner started", "Critical", 9.2, { file: "/tmp/.x/cnrig", cmdline: "./cnrig -o pool.example:3333 -u 44AF…", time: at(1),
      type: "CryptoCurrency:Runtime/BitcoinTool.B!DNS", evidence: [{ list: "miner_names", item: "cnrig", field: "proc.name" }] }),
    alert("Read sensitive file untrusted", "Warning", 5.5, { file: "/etc/shadow", cmdline: "cat /etc/shadow", time: at(2), policy: "Falco", evidence: [] }),
    alert("Terminal shell in container", "Notice", 3, { cmdline: "bash -i", time: at(20), policy: "Falco", evidence: [] }),
    alert("Contact K8S API Server From Container", "Notice", 3.4, { cmdline: "curl -sk https://10.96.0.1/api", time: at(5), policy: "Falco", evidence: [] }),
    alert("Package management process launched", "Error", 7.2, { cmdline: "apk add nmap", time: at(22), policy: "Falco", evidence: [] }),
    alert("System information collected", "Informational", 0.6, { cmdline: "uname -a", time: at(3), policy: "Falco", evidence: [] }),
  ];
  for (let i = 0; i < 60; i++) {
    list.push(alert("Write below binary directory", "Error", 7.0, { file: `/usr/bin/tool${i}`, time: at(1 + i / 3),
      container: { id: `c${i}`, name: `batch-${i}`, image: "registry.example/batch:7" }, policy: "Falco", evidence: [],
      ecs: { task_arn: `arn:aws:ecs:eu-central-1:111122223333:task/shop-production/ba${i}`, task_id: `ba${i}`, family: "shop-batch", revision: "7" } }));
  }
  return list;
}
