// Story 1 whole, with nothing stood in for: server, two agents, containers under the shim, and the console. A file of
// a malicious name appears by itself; from its rule one comes to the list in the condition, appends test.txt, sees it
// come into force on all agents, and the next file of that name is found.
import { Container, programs, RealAgent, Runtime } from "../container.mjs";

const RULE = "Malicious filenames written";
const LIST = "malicious_filenames";

/** It comes without anything being loaded anew: at once, or behind "n new". */
async function appears(page, container) {
  const row = page.getByRole("link", { name: RULE }).first();
  await row.or(page.getByRole("button", { name: /\d+ new/ })).first().waitFor();
  if (!await row.isVisible()) await page.getByRole("button", { name: /\d+ new/ }).first().click();
  await row.click();
  await page.getByRole("dialog").getByText(container.name).first().waitFor();
}

async function watch(w, container) {
  await w.page.goto(`${w.server.url}/findings?q=${encodeURIComponent(container.name)}`);
  await w.ready();
  await w.until("it is live", async () => (await w.page.locator(".live.live").count()) === 1);
}

async function append(w) {
  const { page } = w;
  await page.getByRole("dialog").getByRole("link", { name: RULE }).first().click();
  await page.waitForURL(/\/rules\//);
  await page.locator("#main").getByRole("link", { name: LIST, exact: true }).first().click();
  await page.waitForURL(/\/lists\/malicious_filenames/);
  await page.getByRole("button", { name: "Append" }).click();
  await page.getByLabel("New items, one a line").fill("test.txt");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("1 item appended").waitFor();
  await page.getByText(/In force on (\d+) of \1 agents/).first().waitFor({ timeout: 60_000 }); // those of other suites are silent by then
  await w.until("the server says so, too", async () => {
    const { in_force, agents } = await w.server.must("GET", "/v1/content/rollout", undefined, w.server.admin);
    return in_force === agents;
  });
}

/** Each runs the newest rules, and the server has heard so. */
async function loaded(w, agents) {
  await w.until("the agents have their rules", async () => {
    const { items } = await w.server.must("GET", "/v1/content/rollout", undefined, w.server.admin);
    return agents.every(({ id }) => items.some((one) => one.agent === id && one.in_force));
  });
}

async function story(w, web, worker) {
  await watch(w, web);
  web.tell("touch /kinsing");
  await appears(w.page, web);
  await w.picture("story-first");
  await append(w);
  await w.picture("story-appended");
  web.tell("touch /test.txt");
  const same = await w.until("the same program again", () => w.findingWhere(`container.name = "${web.name}" and count = 2`));
  w.check(same.file === "/test.txt" && same.item === "test.txt", `the item that matched: ${same.item} of ${same.file}`);
  await watch(w, worker);
  worker.tell("touch /test.txt");
  await appears(w.page, worker);
  const other = await w.findingWhere(`container.name = "${worker.name}"`);
  w.check(other.rule === RULE && other.file === "/test.txt" && other.image === worker.image, `finding ${JSON.stringify(other)}`);
  const { items } = await w.server.must("GET", "/v1/gaps", undefined, w.server.admin);
  w.check(items.length === 0, `gaps: ${JSON.stringify(items)}`);
}

export const needs = "login";

export default async function whole(w) {
  const found = programs(w.program);
  if (found.why) {
    console.log(`# story: skipped: ${found.why}`);
    return;
  }
  const started = [];
  const start = async (what) => { const one = await what; started.unshift(one); return one; };
  try {
    const runtime = await start(Runtime.start());
    const agents = [];
    for (const name of ["shop-1", "shop-2"]) {
      agents.push(await start(RealAgent.start(w.server, { ...found, runtime: runtime.socket }, name)));
    }
    await loaded(w, agents);
    const web = await start(Container.start(agents[0], "web"));
    const worker = await start(Container.start(agents[1], "worker"));
    await story(w, web, worker);
  } finally {
    for (const one of started) await one.stop();
  }
}
