// Real programs: hinomi-agent of this build on this machine, and a container (podman with runc) whose shell runs under
// hinomi-shim and does what it is told. Nothing of it is left behind.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { until } from "./world.mjs";

const PODMAN = ["podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs"];
const LIMITS = ["--network=none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
const BUSYBOX = "/bin/busybox";

const podman = (...words) => execFileSync(PODMAN[0], [...PODMAN.slice(1), ...words], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

function environment(more) {
  const kept = Object.entries(process.env).filter(([name]) => !/^HINOMI_|proxy/i.test(name));
  return { ...Object.fromEntries(kept), ...more };
}

async function end(child) {
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** The programs beside that server in its build, or why a container cannot be had. */
export function programs(server) {
  const source = dirname(dirname(server));
  const found = { agent: join(source, "agent", "hinomi-agent"), shim: join(source, "shim", "hinomi-shim") };
  for (const path of [...Object.values(found), BUSYBOX]) {
    if (!existsSync(path)) return { why: `there is no ${path}` };
  }
  if (process.getuid() !== 0) return { why: "only root can watch containers" };
  try {
    podman("info");
    execFileSync("runc", ["--version"], { stdio: "ignore" });
  } catch {
    return { why: "podman or runc is missing or does not work here" };
  }
  return found;
}

/** Podman's own API service, which says what containers and images are called. */
export class Runtime {
  static async start() {
    const self = Object.assign(new Runtime(), { folder: mkdtempSync(join(tmpdir(), "hinomi-podman-")) });
    self.socket = join(self.folder, "podman.sock");
    self.process = spawn(PODMAN[0], [...PODMAN.slice(1), "system", "service", "--time=0", `unix://${self.socket}`], { stdio: "ignore" });
    await until("Podman's service", () => existsSync(self.socket));
    return self;
  }

  async stop() {
    await end(this.process);
    rmSync(this.folder, { recursive: true });
  }
}

/** An agent that is enrolled with the server, has its rules from there, and serves a socket in its folder. */
export class RealAgent {
  static async start(server, { agent, shim, runtime }, name) {
    const self = Object.assign(new RealAgent(), { name, server, folder: mkdtempSync(join(tmpdir(), "hinomi-agent-")), log: "" });
    chmodSync(self.folder, 0o755);
    self.volume = join(self.folder, "volume");
    mkdirSync(self.volume);
    copyFileSync(shim, join(self.volume, "hinomi-shim"));
    const { token } = await server.must("POST", "/v1/enrolments", { name, cluster: "shop-production" }, server.admin);
    const secret = join(self.folder, "token");
    writeFileSync(secret, `${token}\n`, { mode: 0o600 });
    self.process = spawn(agent, ["--socket", join(self.volume, "agent.sock"), "--output", "json"], {
      stdio: ["ignore", "ignore", "pipe"], env: environment({ HINOMI_SERVER_URL: server.url, HINOMI_SERVER_TOKEN_FILE: secret,
        HINOMI_SPOOL_DIR: join(self.folder, "spool"), HINOMI_DNS: "false", HINOMI_RUNTIME_SOCKETS: runtime }) });
    self.process.stderr.on("data", (data) => { self.log += data; });
    await until(`${name} is connected`, () => {
      if (self.process.exitCode !== null) throw new Error(`${name} ended: ${self.log}`);
      return self.log.includes("connected to the server");
    });
    self.id = JSON.parse(readFileSync(join(self.folder, "spool", "identity.json"), "utf8")).id;
    return self;
  }

  /** The server forgets it, too. */
  async stop() {
    await end(this.process);
    if (this.id) await this.server.ask("DELETE", `/v1/agents/${this.id}`, undefined, this.server.admin);
    rmSync(this.folder, { recursive: true });
  }
}

/** A container of busybox; tell() gives its shell a line. */
export class Container {
  static async start(agent, name) {
    const self = Object.assign(new Container(), { name: `${name}-${process.pid}`, log: "", image: `localhost/hinomi-${name}-${process.pid}:1.0` });
    const root = join(agent.folder, name);
    for (const folder of ["bin", "tmp", "proc", "dev", "sys", "etc", "hinomi"]) mkdirSync(join(root, folder), { recursive: true });
    copyFileSync(BUSYBOX, join(root, "bin", "busybox"));
    for (const link of ["sh", "touch", "cat", "ls", "sleep"]) symlinkSync("busybox", join(root, "bin", link));
    const packed = join(agent.folder, `${name}.tar`);
    execFileSync("tar", ["-C", root, "-cf", packed, "."]);
    podman("import", "-q", packed, self.image);
    self.process = spawn(PODMAN[0], [...PODMAN.slice(1), "run", "-i", "--rm", "--name", self.name, "--hostname", name, ...LIMITS,
      "-v", `${agent.volume}:/hinomi`, self.image, "/hinomi/hinomi-shim", "--", "/bin/sh"], { stdio: ["pipe", "pipe", "pipe"] });
    for (const stream of [self.process.stdout, self.process.stderr]) stream.on("data", (data) => { self.log += data; });
    self.tell("echo begun");
    await until("the container's shell answers", () => {
      if (self.process.exitCode !== null) throw new Error(`the container ended: ${self.log}`);
      return self.log.includes("begun");
    });
    return self;
  }

  tell(line) {
    this.process.stdin.write(`${line}\n`);
  }

  async stop() {
    this.process.stdin.end();
    if (this.process.exitCode === null) await once(this.process, "exit");
    podman("rmi", "-f", this.image);
  }
}
