// Coverage: agents with their state and why, tasks and containers, one agent, its test and its end.
import { Agent } from "../world.mjs";

const HEARTBEAT = {
  sensor: "notify on /hinomi/agent.sock, dns", events: 120_000, alerts: 12, drops: 3, gaps: 1, lag_ms: 40, rules: 210,
  started_ms: Date.now() - 7_200_000, spool: { bytes: 20_971_520, records: 2, oldest_ms: 0, full: false },
  health: { ok: false, reason: "the kernel refuses user notification" }, activity: { sent: 90, lost: 4 },
  containers: [
    { id: "8c1f2a9b77d0", name: "web", image: "registry.example/shop/web:1.4.2", watched: true, why: null,
      task: "arn:aws:ecs:eu-central-1:111122223333:task/shop-production/9f2c", cluster: "shop-production" },
    { id: "77ab12cd34ef", name: "side-car", image: "registry.example/shop/side:3", watched: false,
      why: "no process of it is seen by a sensor", task: "arn:aws:ecs:eu-central-1:111122223333:task/shop-production/9f2c",
      cluster: "shop-production" },
    { id: "aa00bb11cc22", name: "lone", image: "registry.example/lone:1", watched: true, task: null, cluster: null },
  ],
};

async function list({ page, server, until, inspect, accessible }) {
  await inspect("coverage", async () => {
    await page.goto(`${server.url}/coverage`);
    await page.locator(".table tbody tr").nth(2).waitFor();
  });
  await page.goto(`${server.url}/coverage`);
  await page.getByText("the kernel refuses user notification").waitFor();
  await page.getByRole("navigation", { name: "State" }).getByRole("link", { name: "Unhealthy" }).click();
  await until("the unhealthy ones", async () => (await page.locator(".table tbody tr").count()) === 2);
  await page.getByRole("link", { name: "Tasks and containers" }).click();
  await page.getByRole("rowheader", { name: "side-car" }).waitFor();
  await accessible("coverage, containers");
  await page.getByRole("link", { name: "Not watched", exact: true }).click();
  await until("those that are not watched", async () => (await page.getByRole("rowheader", { name: "lone" }).count()) === 0);
  await page.getByRole("searchbox").fill("nothing like it");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "No container" }).waitFor();
}

async function one({ page, server, inspect, check }, { id }) {
  await inspect("agent", async () => {
    await page.goto(`${server.url}/coverage/${id}`);
    await page.getByRole("rowheader", { name: /side-car/ }).waitFor();
    await page.locator(".gaps li").or(page.locator(".agent .panel").nth(3)).first().waitFor();
  });
  await page.goto(`${server.url}/coverage/${id}`);
  await page.getByRole("button", { name: "Send a test detection" }).click();
  await page.getByText("On its way…").waitFor();
  const { items } = await server.must("GET", `/v1/agents/${id}/orders`, undefined, server.admin);
  check(items[0].kind === "test" && items[0].author === "admin", "the order is the agent's");
}

async function revoke(w, { id }) {
  const { page, server, check } = w;
  const viewer = await w.pageAs("viewer");
  await viewer.goto(`${server.url}/coverage/${id}`);
  await viewer.getByRole("link", { name: "Its findings" }).waitFor();
  check(await viewer.getByRole("button", { name: /Revoke|test detection/ }).count() === 0, "a viewer neither tests nor revokes");
  await viewer.context().close();
  await page.goto(`${server.url}/coverage/${id}`);
  await page.getByRole("button", { name: "Revoke" }).click();
  await w.accessible("revoke");
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByText("shop-worker-1 was revoked").waitFor();
  const now = await server.must("GET", `/v1/agents/${id}`, undefined, server.admin);
  check(now.state === "revoked", "it is revoked");
  await page.goto(`${server.url}/coverage/a00000000000000`);
  await page.getByRole("heading", { name: "There is no such agent" }).waitFor();
}

export default async function coverage(w) {
  const agent = await Agent.enrol(w.server, "shop-worker-1", 50);
  await agent.heartbeat(HEARTBEAT);
  await list(w);
  await agent.heartbeat(HEARTBEAT);
  await one(w, agent);
  await revoke(w, agent);
}
