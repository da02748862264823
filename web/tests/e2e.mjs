// The console in a browser, against a real server: e2e.mjs SERVER CONTENT [SCREENSHOTS]
//
// Set-up, log-in, findings, story 1's list, coverage; hostile text through every screen; axe-core on every screen;
// no violation of the page's policy anywhere. With a third argument pictures of every screen are written there.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Agent, alert, findings, PASSWORD, Server, until } from "./world.mjs";

const [program, content, pictures] = process.argv.slice(2);
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(77);
}

if (!chromium) skip("there is no chromium");
const require = createRequire(import.meta.url);
let playwright, axe;
try {
  playwright = require("playwright-core");
  axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
} catch {
  skip("playwright-core or axe-core is not installed (tools/web.sh install)");
}

let passed = 0;
let failures = 0;
function check(good, what) {
  if (good) {
    passed++;
  } else {
    failures++;
    console.log(`not ok: ${what}`);
  }
}

const faults = [];

function watch(page) {
  page.on("pageerror", (error) => faults.push(`script: ${error.message}`));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted ?Type/i.test(message.text())) faults.push(message.text());
  });
}

async function accessible(page, screen) {
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => (await window.axe.run(document,
    { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })).violations
    .map((v) => `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary?.split("\n")[1] ?? ""}`).join(" | ")}`));
  check(violations.length === 0, `${screen}: axe-core: ${violations.join("\n    ")}`);
}

const looks = [
  { name: "light", colorScheme: "light" },
  { name: "dark", colorScheme: "dark" },
  { name: "ja", colorScheme: "light", language: "ja" },
  { name: "narrow", colorScheme: "light", narrow: true },
];

async function pose(page, look) {
  await page.emulateMedia({ colorScheme: look.colorScheme });
  await page.setViewportSize(look.narrow ? { width: 390, height: 844 } : { width: 1360, height: 860 });
  await page.evaluate((language) => localStorage.setItem("hinomi.language", language), look.language ?? "en");
}

/** A screen in every look: axe-core in light and dark, pictures when they are wanted. */
async function inspect(page, name, open) {
  for (const look of looks) {
    if (!pictures && (look.name === "ja" || look.name === "narrow")) continue;
    await pose(page, look);
    await open();
    await page.waitForTimeout(150);
    await accessible(page, `${name} (${look.name})`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(overflow <= 0, `${name} (${look.name}): ${overflow} px wider than the window`);
    if (pictures) await page.screenshot({ path: join(pictures, `${name}-${look.name}.png`) });
  }
  await pose(page, looks[0]);
}

async function setUp(page, server) {
  const wrong = `${server.url}/setup#nonsense`;
  await page.goto(wrong);
  await page.getByText("The link is not complete").waitFor();
  await inspect(page, "setup", async () => {
    await page.goto("about:blank");
    await page.goto(server.setupLink().replace(/^https?:\/\/[^/]+/, server.url));
    await page.locator("input[name=repeat]").waitFor();
  });
  await page.goto("about:blank");
  await page.goto(server.setupLink().replace(/^https?:\/\/[^/]+/, server.url));
  check(await until("the secret leaves the address", async () => !page.url().includes("hu_")), "the secret stays in the address");
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Password again").fill("short");
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByText("needs 12 characters").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
  await page.getByRole("heading", { name: "Nothing found here" }).waitFor();
  await inspect(page, "findings-empty", async () => {
    await page.goto(`${server.url}/findings`);
    await page.locator(".empty").waitFor();
  });
}

async function logInAgain(page, server) {
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await inspect(page, "login", async () => {
    await page.goto(`${server.url}/findings`);
    await page.locator("input[name=username]").waitFor();
  });
  await page.goto(`${server.url}/findings`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("wrong password here");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("The name or the password is wrong").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
}

async function findingsScreen(page, server, agent) {
  await page.goto(`${server.url}/findings`);
  await page.locator(".rows tbody tr").first().waitFor();
  check(await page.locator(".rows tbody tr").count() === 50, "a page has 50 rows");
  await page.getByRole("link", { name: "Next page" }).click();
  await until("the second page", async () => (await page.locator(".rows tbody tr").count()) < 50);
  await page.goBack();
  await until("the first page again", async () => (await page.locator(".rows tbody tr").count()) === 50);
  await inspect(page, "findings", async () => {
    await page.goto(`${server.url}/findings?sort=-severity`);
    await page.locator(".rows tbody tr").first().waitFor();
    await page.locator(".facet").nth(2).waitFor();
  });
  await page.getByRole("button", { name: /^Only Severity: Critical/ }).click();
  await page.waitForURL(/is=band/);
  await page.getByRole("searchbox").fill("cnrig");
  await page.keyboard.press("Enter");
  await until("one finding", async () => (await page.locator(".rows tbody tr").count()) === 1);
  await page.getByRole("textbox", { name: "Filter" }).fill("nonsense ===");
  await page.keyboard.press("Enter");
  await page.getByText("The filter is not written correctly").waitFor();
  await page.goto(`${server.url}/findings?time=24h`);
  await page.locator(".rows tbody tr").first().waitFor();
  await page.locator("body").click({ position: { x: 5, y: 400 } });
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.locator("dialog.drawer .lineage").waitFor();
  await page.keyboard.press("Escape");
  await until("the drawer closes", async () => !page.url().includes("open="));
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await until("it is live", async () => (await page.locator(".live.live").count()) === 1);
  await agent.send([alert("Brand new rule", "Critical", 9.1, { file: "/new" })]);
  await page.getByRole("button", { name: /1 new/ }).click();
  await page.getByRole("link", { name: "Brand new rule" }).waitFor();
}

async function findingScreen(page, server) {
  const miner = await server.must("GET", `/v1/findings?filter=${encodeURIComponent('rule = "Malicious filenames written"')}`,
    undefined, server.admin);
  const { id } = miner.items[0];
  await inspect(page, "drawer", async () => {
    await page.goto(`${server.url}/findings?open=${id}`);
    await page.locator("dialog.drawer .lineage").waitFor();
    await page.getByText("touch wrote /kinsing", { exact: false }).or(page.getByText("書き込みました")).first().waitFor();
  });
  await inspect(page, "finding", async () => {
    await page.goto(`${server.url}/findings/${id}`);
    await page.locator(".lineage").waitFor();
  });
  await page.goto(`${server.url}/findings/${id}`);
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("Saved: Acknowledged").waitFor();
  await page.getByLabel("Assigned to").selectOption("admin");
  await page.getByText("Saved: admin").waitFor();
  const now = await server.must("GET", `/v1/findings/${id}`, undefined, server.admin);
  check(now.status === "acknowledged" && now.assignee === "admin", "status and assignee are kept");
  await page.getByRole("tab", { name: "Raw" }).click();
  await page.locator("pre.raw").waitFor();
  await page.getByRole("tab", { name: "Alerts" }).click();
  await page.locator(".alerts li").first().waitFor();
  await accessible(page, "finding, alerts");
}

/** Story 1, in the console: append test.txt and watch it come into force on all agents. */
async function listScreen(page, server) {
  await inspect(page, "lists", async () => {
    await page.goto(`${server.url}/lists`);
    await page.locator(".table tbody tr").first().waitFor();
  });
  await page.getByRole("link", { name: "malicious_filenames" }).click();
  await page.getByRole("cell", { name: "kinsing" }).waitFor();
  await page.getByRole("button", { name: "Append" }).click();
  await page.getByLabel("New items, one a line").fill("test.txt");
  await page.getByLabel("Note").fill("story 1 <b>bold</b>");
  await accessible(page, "append");
  if (pictures) await page.screenshot({ path: join(pictures, "append-light.png") });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("1 item appended").waitFor();
  await page.getByText("In force on 2 of 2 agents").waitFor();
  await page.getByRole("row", { name: /test\.txt/ }).waitFor();
  await inspect(page, "list", async () => {
    await page.goto(`${server.url}/lists/malicious_filenames`);
    await page.locator(".table tbody tr").first().waitFor();
    await page.locator("aside .panel").waitFor();
  });
  await page.goto(`${server.url}/lists/malicious_filenames`);
  await page.getByRole("button", { name: "Remove test.txt" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await page.getByText("test.txt was removed").waitFor();
  await page.getByRole("button", { name: "Append" }).click();
  await page.getByLabel("New items, one a line").fill("bad\u0001item");
  await page.getByRole("button", { name: "Save" }).click();
  await page.locator("dialog [role=alert]").waitFor();
  await page.keyboard.press("Escape");
}

async function coverageScreen(page, server) {
  await inspect(page, "coverage", async () => {
    await page.goto(`${server.url}/coverage`);
    await page.locator(".table tbody tr").nth(2).waitFor();
  });
  await page.getByRole("link", { name: "Unhealthy" }).click();
  await until("the unhealthy ones", async () => (await page.locator(".table tbody tr").count()) === 1);
}

async function hostileText(page, server) {
  const { items } = await server.must("GET", `/v1/findings?filter=${encodeURIComponent('host = "evil-host"')}`, undefined, server.admin);
  const { id } = items[0];
  const places = [`/findings?time=all&open=${id}`, `/findings/${id}`, `/findings?is=${encodeURIComponent("host=evil-host")}`,
    `/findings?q=${encodeURIComponent("<img src=x onerror=window.hacked=1>")}`, `/lists/${encodeURIComponent("<script>window.hacked=1</script>")}`,
    `/findings?is=${encodeURIComponent("rule=<img src=x onerror=window.hacked=1>")}`, "/%3Cimg%20src=x%3E"];
  for (const place of places) {
    await page.goto(server.url + place);
    await page.waitForTimeout(400);
    check(await page.evaluate(() => window.hacked === undefined), `${place}: a script ran`);
    check(await page.evaluate(() => document.querySelectorAll("#app script, #app img:not([src='/favicon.svg'])").length) === 0,
      `${place}: text became markup`);
  }
  await page.goto(`${server.url}/findings/${id}`);
  await page.locator(".lineage").waitFor();
  check(await page.locator(".unseen", { hasText: "U+202E" }).count() > 0, "direction marks are made visible");
  check(await page.locator(".unseen", { hasText: "U+200B" }).count() > 0, "zero-width characters are made visible");
  if (pictures) await page.screenshot({ path: join(pictures, "hostile-light.png") });
}

/** What the console asks for is there, and answers with the shape that it was built for. */
async function contract(server) {
  const api = await server.must("GET", "/v1/openapi.json");
  const source = readFileSync(new URL("../src/core/routes.ts", import.meta.url), "utf8");
  for (const [, method, path] of source.matchAll(/"(GET|POST|PUT|PATCH|DELETE) (\/v1\/[^"]+)":/g)) {
    check(api.paths[path]?.[method.toLowerCase()] !== undefined, `the server has no ${method} ${path}`);
  }
}

async function headers(server) {
  const page = await server.ask("GET", "/findings?filter=x", undefined, { Accept: "text/html" });
  check(page.status === 200 && /script-src 'self';/.test(page.headers.get("content-security-policy")), "pages have their policy");
  check(page.headers.get("cache-control").includes("no-cache"), "pages are asked for anew");
  const again = await server.ask("GET", "/", undefined, { "If-None-Match": page.headers.get("etag") });
  check(again.status === 304, "a page that is known is not sent again");
  const script = /src="(\/assets\/[^"]+)"/.exec(page.body)[1];
  const file = await server.ask("GET", script);
  check(file.headers.get("cache-control").includes("immutable") && file.headers.get("content-type").startsWith("text/javascript"),
    "scripts are kept for good");
  const plain = await server.ask("GET", script, undefined, { "Accept-Encoding": "identity" });
  check(plain.body === file.body && plain.headers.get("content-encoding") === null, "unpacked for those who want it");
  for (const path of ["/v1/nothing", "/assets/none.js"]) {
    check((await server.ask("GET", path, undefined, { Accept: "text/html" })).status === 404, `${path} is not a page`);
  }
  check((await server.ask("GET", "/findings")).status === 404, "programs get no page");
  check((await server.ask("POST", "/findings", {}, { Accept: "text/html" })).status === 404, "nothing is posted to a page");
}

/** Whatever happens to this program, its server ends with it. */
function tie(server) {
  process.on("exit", () => { server.process.kill("SIGKILL"); });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => process.exit(1));
}

async function main() {
  if (pictures) mkdirSync(pictures, { recursive: true });
  const server = await Server.start(program, content);
  tie(server);
  const agents = [];
  let browser;
  try {
    if (!(await server.ask("GET", "/", undefined, { Accept: "text/html" })).body.includes("/assets/")) {
      console.log("skipped: hinomi-server was built without its console");
      process.exitCode = 77;
      return;
    }
    browser = await playwright.chromium.launch({ executablePath: chromium,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    const context = await browser.newContext({ locale: "en-US", timezoneId: "UTC", reducedMotion: "reduce" });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    watch(page);
    await setUp(page, server);
    await server.logIn();
    await headers(server);
    await contract(server);
    await logInAgain(page, server);
    for (const [i, name] of ["shop-web-1", "shop-web-2"].entries()) {
      const agent = await Agent.enrol(server, name, i + 1);
      agents.push(agent);
      await agent.heartbeat();
      agent.follow();
    }
    await Agent.enrol(server, "shop-batch-1", 9);
    await agents[0].send(findings());
    await findingsScreen(page, server, agents[0]);
    await findingScreen(page, server);
    for (const agent of agents) await agent.heartbeat();
    await listScreen(page, server);
    for (const agent of agents) await agent.heartbeat();
    await coverageScreen(page, server);
    await hostileText(page, server);
    check(faults.length === 0, `faults of scripts and of the policy: ${[...new Set(faults)].join("\n    ")}`);
  } finally {
    for (const agent of agents) await agent.stop();
    await browser?.close();
    await server.stop();
  }
  console.log(`${passed} passed, ${failures} failed`);
  process.exit(failures > 0 ? 1 : 0);
}

main().catch((error) => {
  console.log(`not ok: ${error.stack}`);
  console.log(`${passed} passed, ${failures + 1} failed`);
  process.exit(1);
});
