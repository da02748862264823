// Onboarding: the command that is shown starts a real agent, its heartbeat is met, and a detection on purpose arrives.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const needs = "login";

/** Started as the command says, but for where it keeps things. */
function start(program, command) {
  const [, token] = /echo '(he_[^']+)'/.exec(command);
  const [, url] = /HINOMI_SERVER_URL='([^']+)'/.exec(command);
  const folder = mkdtempSync(join(tmpdir(), "hinomi-onboarding-"));
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("HINOMI_")));
  const agent = spawn(program, ["--socket", join(folder, "agent.sock")], { stdio: "ignore", env: { ...env,
    HINOMI_SERVER_URL: url, HINOMI_SERVER_TOKEN: token, HINOMI_SPOOL_DIR: join(folder, "spool"), HINOMI_DNS: "false" } });
  return { agent, folder };
}

async function host(w) {
  const { page, server, program, check, accessible, until } = w;
  const real = join(dirname(dirname(program)), "agent", "hinomi-agent");
  await page.goto(`${server.url}/onboarding?kind=host`);
  await page.getByLabel("Name of the token").fill("this machine");
  await page.getByLabel("Cluster (optional)").fill("home");
  await page.getByRole("button", { name: "Make the token" }).click();
  await page.getByText("Waiting for the first heartbeat…").waitFor();
  const command = await page.locator("pre", { hasText: "HINOMI_SERVER_URL" }).textContent();
  await page.getByLabel("Watch all containers as they are.").check();
  check((await page.locator("pre", { hasText: "HINOMI_SERVER_URL" }).textContent()) === `${command} --sensor ptrace`,
    "all containers are watched when that is wanted");
  check(await page.getByRole("button", { name: "Send a test detection" }).isDisabled(), "no test before the first heartbeat");
  await accessible("onboarding, waiting");
  await w.picture("onboarding-waiting");
  if (!existsSync(real)) {
    console.log("skipped: the agent's part of onboarding: hinomi-agent is not built");
    return;
  }
  const { agent, folder } = start(real, command);
  try {
    await page.getByText("Heard of").waitFor();
    await page.getByRole("button", { name: "Send a test detection" }).click();
    await page.getByText("It arrived after").waitFor();
    await accessible("onboarding, arrived");
    await w.picture("onboarding-arrived");
    await page.getByRole("link", { name: "Open the finding" }).click();
    await page.getByText("Hinomi test detection").first().waitFor();
    const { items } = await server.must("GET", "/v1/audit?action=agent.test", undefined, server.admin);
    check(items.some((one) => one.action === "agent.test" && one.actor === "admin"), "who asked for the test is in the audit log");
    const agents = await server.must("GET", "/v1/agents", undefined, server.admin);
    check(agents.items.some((one) => one.cluster === "home"), "the agent is of the cluster that was given");
  } finally {
    agent.kill("SIGTERM");
    if (agent.exitCode === null) await once(agent, "exit");
    rmSync(folder, { recursive: true });
  }
  await until("the agent is missed", async () => agent.exitCode !== null || agent.signalCode !== null);
}

/** The command that is shown, run on the original of the definition that is shown: the same definition comes out. */
function instrumented({ program, check }, kind, shown, command) {
  const hinomi = resolve(dirname(dirname(program)), "cli", "hinomi");
  if (!existsSync(hinomi)) {
    console.log("skipped: the command of onboarding: hinomi is not built");
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "hinomi-onboarding-"));
  try {
    const env = { ...process.env, PATH: `${dirname(hinomi)}:${process.env.PATH}` };
    writeFileSync(join(folder, "shown.json"), shown);
    const run = (line) => spawnSync("sh", ["-c", line], { cwd: folder, env, encoding: "utf8" });
    const back = run("hinomi instrument --remove -o taskdef.json shown.json");
    check(back.status === 0, `${kind}: the definition that is shown is taken back: ${back.stderr}`);
    check(!readFileSync(join(folder, "taskdef.json"), "utf8").includes("hinomi"), `${kind}: nothing of it is left`);
    const done = run(command);
    check(done.status === 0, `${kind}: the command works: ${done.stderr}`);
    const [wanted, made] = [shown, readFileSync(join(folder, "instrumented.json"), "utf8")].map((text) => sorted(JSON.parse(text)));
    check(made === wanted, `${kind}: the command makes what is shown:\n${made}\n${wanted}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Without regard to the order of members. */
function sorted(value) {
  return JSON.stringify(value, (_, one) => one && typeof one === "object" && !Array.isArray(one)
    ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one);
}

async function ecs(w) {
  const { page, server, check } = w;
  for (const [kind, launch] of [["fargate", "FARGATE"], ["ec2", "EC2"]]) {
    await page.goto(`${server.url}/onboarding?kind=${kind}`);
    await page.getByRole("button", { name: "Make the token" }).click();
    await page.getByLabel("ARN of the secret").fill("arn:aws:secretsmanager:ap-northeast-1:999988887777:secret:hinomi-x");
    await page.getByText("What it makes of a definition").click();
    await page.getByText("In a pipeline, or with Terraform").click();
    const shown = await page.locator("pre", { hasText: "containerDefinitions" }).textContent();
    const task = JSON.parse(shown);
    const agent = task.containerDefinitions.find((one) => one.name === "hinomi-agent");
    check(task.requiresCompatibilities[0] === launch && task.pidMode === "task", `${kind}: the task`);
    check(agent.secrets[0].valueFrom.endsWith("hinomi-x") && agent.environment[1].value === server.url, `${kind}: the agent's server`);
    check(agent.logConfiguration.options["awslogs-region"] === "ap-northeast-1", `${kind}: the region`);
    instrumented(w, kind, shown, await page.locator("pre[aria-label='Instrument the task']").textContent());
    await w.accessible(`onboarding, ${kind}`);
    if (w.pictures) await page.screenshot({ path: join(w.pictures, `onboarding-${kind}-whole.png`), fullPage: true });
  }
}

async function falco({ page, server, check }) {
  await page.goto(`${server.url}/onboarding?kind=falco`);
  await page.getByRole("button", { name: "Make the token" }).click();
  const yaml = await page.locator("pre", { hasText: "http_output" }).textContent();
  await page.getByRole("button", { name: "Send a test detection" }).click();
  await page.getByText("It arrived after").waitFor();
  const [, token] = /Bearer (ht_\S+) }/.exec(yaml);
  await server.must("POST", "/", { rule: "Read sensitive file untrusted", priority: "Warning", hostname: "falco-1",
    output: "o", output_fields: {}, time: new Date().toISOString() }, { Authorization: `Bearer ${token}` });
  await page.getByText("Heard of").waitFor();
  check(await page.locator(".good strong", { hasText: "falco-1" }).count() === 1, "the Falco that sent is named");
}

export default async function onboarding(w) {
  const { page, server, check } = w;
  await w.inspect("onboarding", async () => {
    await page.goto(`${server.url}/onboarding?kind=fargate`);
    await page.locator("input[name=name]").waitFor();
  });
  await host(w);
  await ecs(w);
  await falco(w);
  const viewer = await w.pageAs("viewer");
  await viewer.goto(`${server.url}/onboarding`);
  await viewer.getByText("Making tokens is for administrators").waitFor();
  check(await viewer.locator(".choices").count() === 0, "a viewer makes no token");
  await viewer.context().close();
}
