// The console's figures, as JSON lines: run.mjs BUILD [--findings N] [--runs N]
//
//   interactive  from the navigation until the findings' rows are drawn and a key moves the mark on them, of a browser
//                that has nothing kept yet (each time a new profile); what the server's answers took of it
//   scroll       tasks of the page's main thread while a list is scrolled, a third of a window to four windows a frame:
//                their own processor time, which other work on the machine does not stretch, and the clock's time
//
// The server, the browser and this program share the machine's processors; each line has the load that was there before.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { loadavg, cpus } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PASSWORD, Server } from "../../web/tests/world.mjs";
import { parts } from "../../web/tests/browser.mjs";

const source = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const ALERTS_PER_FINDING = 10;
const STEPS = 150;
const LONG_US = 50_000;

function argumentsOf(list) {
  const given = { build: undefined, findings: 100_000, runs: 7 };
  for (let i = 0; i < list.length; i++) {
    if (list[i].startsWith("--")) given[list[i].slice(2)] = Number(list[++i]);
    else given.build = list[i];
  }
  if (!given.build) throw new Error("usage: run.mjs BUILD [--findings N] [--runs N]");
  return given;
}

function show(bench, figures) {
  console.log(JSON.stringify({ bench, cpus: cpus().length, load_before: Number(loadavg()[0].toFixed(1)), ...figures }));
}

function middle(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.floor(sorted.length / 2)]);
}

async function enter(server) {
  const token = server.setupLink().split("#")[1];
  await server.must("POST", "/v1/setup", { token, name: "admin", password: PASSWORD, cookie: false });
  const answer = await server.ask("POST", "/v1/session", { name: "admin", password: PASSWORD });
  const [, name, value] = /^([^=]+)=([^;]*)/.exec(answer.headers.get("set-cookie"));
  return { name, value, url: server.url, httpOnly: true, sameSite: "Strict" };
}

async function open(tools, cookie) {
  const browser = await tools.playwright.chromium.launch({ executablePath: tools.chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
  const context = await browser.newContext({ locale: "en-US", viewport: { width: 1360, height: 860 } });
  await context.addCookies([cookie]);
  return { browser, page: await context.newPage() };
}

/** Until j has marked the first row; all within the page, so that this program's own slowness is not in it. */
async function interactive(tools, cookie, url) {
  const { browser, page } = await open(tools, cookie);
  await page.addInitScript(() => {
    const look = () => {
      const row = document.querySelector("tr[data-row=\"0\"]");
      if (!row) {
        requestAnimationFrame(look);
        return;
      }
      const drawn = performance.now();
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
      const answered = () => {
        if (document.querySelector("tr[aria-current]")) window.figures = { drawn, answered: performance.now() };
        else requestAnimationFrame(answered);
      };
      answered();
    };
    requestAnimationFrame(look);
  });
  await page.goto(url);
  await page.waitForFunction(() => window.figures);
  const figures = await page.evaluate(() => ({ ...window.figures,
    api: performance.getEntriesByType("resource").filter((e) => e.name.includes("/v1/")).map((e) => e.duration) }));
  await browser.close();
  return figures;
}

/** Main-thread tasks of a trace: [processor's µs, clock's µs]. */
function tasksOf(trace) {
  const names = new Map();
  for (const e of trace) if (e.name === "thread_name") names.set(`${e.pid}.${e.tid}`, e.args.name);
  const tasks = trace.filter((e) => e.ph === "X" && /RunTask$/.test(e.name) && names.get(`${e.pid}.${e.tid}`) === "CrRendererMain");
  return tasks.map((e) => [e.tdur ?? 0, e.dur]);
}

async function traced(browser, page, work) {
  const session = await browser.newBrowserCDPSession();
  const events = [];
  session.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await session.send("Tracing.start", { transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["toplevel", "disabled-by-default-devtools.timeline", "__metadata"] } });
  await work(page);
  const complete = new Promise((resolve) => session.once("Tracing.tracingComplete", resolve));
  await session.send("Tracing.end");
  await complete;
  return events;
}

async function scrolling(tools, cookie, url) {
  const { browser, page } = await open(tools, cookie);
  await page.goto(url);
  await page.locator("tr[data-row=\"0\"]").waitFor();
  await page.waitForTimeout(1500);
  for (const [name, pixels] of [["a third of a window a frame", 300], ["four windows a frame", 3500]]) {
    let nodes = 0;
    const events = await traced(browser, page, async () => {
      nodes = await page.evaluate(async ({ pixels, steps }) => {
        let most = 0;
        for (let i = 0; i < steps; i++) {
          window.scrollBy(0, pixels);
          await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
          most = Math.max(most, document.querySelectorAll(".rows tbody tr").length);
        }
        return most;
      }, { pixels, steps: STEPS });
    });
    const tasks = tasksOf(events);
    show("scroll", { how: name, frames: STEPS, row_nodes: nodes, tasks: tasks.length,
      longest_cpu_ms: Math.round(Math.max(...tasks.map(([cpu]) => cpu)) / 1000),
      over_50_ms_cpu: tasks.filter(([cpu]) => cpu > LONG_US).length,
      over_50_ms_clock: tasks.filter(([, clock]) => clock > LONG_US).length });
  }
  await browser.close();
}

async function main() {
  const given = argumentsOf(process.argv.slice(2));
  const tools = parts();
  if (tools.why) {
    console.log(`skipped: ${tools.why}`);
    return 77;
  }
  const fill = (state) => execFileSync(join(given.build, "bench/bench-fill"), [state, String(given.findings * ALERTS_PER_FINDING)],
    { stdio: ["ignore", "ignore", "inherit"] });
  const server = await Server.start(join(given.build, "src/server/hinomi-server"), join(source, "content"), fill);
  process.on("exit", () => server.process.kill("SIGKILL"));
  try {
    const cookie = await enter(server);
    const url = `${server.url}/findings?time=all&view=all`;
    const token = await server.must("POST", "/v1/session", { name: "admin", password: PASSWORD, cookie: false });
    const { total } = await server.must("GET", "/v1/findings?limit=1", undefined, { Authorization: `Bearer ${token.token}` });
    const figures = [];
    for (let i = 0; i < given.runs; i++) figures.push(await interactive(tools, cookie, url));
    show("interactive", { findings: total, runs: given.runs, drawn_ms: middle(figures.map((f) => f.drawn)),
      answered_ms: middle(figures.map((f) => f.answered)), worst_ms: Math.round(Math.max(...figures.map((f) => f.answered))),
      longest_answer_ms: middle(figures.map((f) => Math.max(...f.api))) });
    await scrolling(tools, cookie, url);
  } finally {
    await server.stop();
  }
  return 0;
}

main().then((status) => process.exit(status), (error) => {
  console.error(error.stack);
  process.exit(1);
});
