// A real server and a browser before it: what every suite is given as `w`.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Agent, alert, findings, HOSTILE, PASSWORD, Server, until } from "./world.mjs";

const require = createRequire(import.meta.url);
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDE = { width: 1360, height: 860 };
const NARROW = { width: 390, height: 844 };
const LOOKS = [
  { name: "light", colorScheme: "light" },
  { name: "dark", colorScheme: "dark" },
  { name: "ja", colorScheme: "light", language: "ja", onlyPictures: true },
  { name: "narrow", colorScheme: "light", narrow: true, onlyPictures: true },
];

/** The browser's parts, or why there are none. */
export function parts() {
  const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync);
  if (!chromium) return { why: "there is no chromium" };
  try {
    return { chromium, playwright: require("playwright-core"),
      axe: readFileSync(require.resolve("axe-core/axe.min.js"), "utf8") };
  } catch {
    return { why: "playwright-core or axe-core is not installed (tools/web.sh install)" };
  }
}

function violationsOf(rules) {
  return window.axe.run(document, { runOnly: rules }).then(({ violations }) => violations.map((v) =>
    `${v.id}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary?.split("\n")[1] ?? ""}`).join(" | ")}`));
}

export class World {
  passed = 0;
  failures = 0;
  faults = [];
  agents = [];
  Agent = Agent;
  alert = alert;
  findings = findings;
  HOSTILE = HOSTILE;
  PASSWORD = PASSWORD;
  until = until;
  #context;
  #populated = false;

  constructor(tools, { program, content, pictures }) {
    Object.assign(this, { tools, program, content, pictures });
    this.inspect = this.inspect.bind(this);
    this.accessible = this.accessible.bind(this);
    this.check = this.check.bind(this);
  }

  async start() {
    if (this.pictures) mkdirSync(this.pictures, { recursive: true });
    this.server = await Server.start(this.program, this.content);
    this.browser = await this.tools.playwright.chromium.launch({ executablePath: this.tools.chromium,
      args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
    this.#context = await this.#newContext();
  }

  /** Whatever happens to this program, its server ends with it. */
  killServer() {
    this.server?.process.kill("SIGKILL");
  }

  async stop() {
    for (const agent of this.agents) await agent.stop();
    await this.browser?.close();
    await this.server?.stop();
  }

  check(good, what) {
    if (good) {
      this.passed++;
    } else {
      this.failures++;
      console.log(`not ok: ${what}`);
    }
  }

  async #newContext() {
    const context = await this.browser.newContext({ locale: "en-US", timezoneId: "UTC", reducedMotion: "reduce" });
    context.setDefaultTimeout(20_000);
    return context;
  }

  /** A page of its own; what its scripts or the policy complain of fails the suite. */
  async newPage(context = this.#context) {
    const page = await context.newPage();
    await page.setViewportSize(WIDE);
    page.on("pageerror", (error) => this.faults.push(`script: ${error.message}`));
    page.on("console", (message) => {
      if (/Content Security Policy|Trusted ?Type/i.test(message.text())) {
        const { url, lineNumber, columnNumber } = message.location();
        this.faults.push(`${message.text()} (${page.url()}, by ${url}:${lineNumber}:${columnNumber})`);
      }
    });
    return page;
  }

  /** The first administrator, by the API; nothing where the set-up suite made it. */
  async ensureAdmin() {
    if (this.server.admin) return;
    if (existsSync(join(this.server.base, "state", "setup-link"))) {
      const token = this.server.setupLink().split("#")[1];
      await this.server.must("POST", "/v1/setup", { token, name: "admin", password: PASSWORD, cookie: false });
    }
    await this.server.logIn();
  }

  async #cookieOf(context, name, password) {
    const answer = await this.server.ask("POST", "/v1/session", { name, password });
    if (answer.status >= 300) throw new Error(`log-in of ${name}: ${answer.status} ${JSON.stringify(answer.body)}`);
    const [, key, value] = /^([^=]+)=([^;]*)/.exec(answer.headers.get("set-cookie"));
    await context.addCookies([{ name: key, value, url: this.server.url, httpOnly: true, sameSite: "Strict" }]);
  }

  /** The administrator is logged in in w.page's browser. */
  async enter() {
    await this.ensureAdmin();
    const state = await this.#context.cookies(this.server.url);
    if (state.length === 0) await this.#cookieOf(this.#context, "admin", PASSWORD);
  }

  /** A page in which a user of that role is logged in ("viewer", "analyst", "admin"); the user is made if need be. */
  async pageAs(role, name = `the-${role}`) {
    await this.ensureAdmin();
    const made = await this.server.ask("POST", "/v1/users", { name, password: PASSWORD, role }, this.server.admin);
    if (made.status >= 300 && made.status !== 409) throw new Error(`user ${name}: ${JSON.stringify(made.body)}`);
    const context = await this.#newContext();
    await this.#cookieOf(context, name, PASSWORD);
    return this.newPage(context);
  }

  /** Two agents that follow the rules, one never heard of, and findings; once. */
  async populate() {
    await this.ensureAdmin();
    if (this.#populated) return;
    this.#populated = true;
    for (const [i, name] of ["shop-web-1", "shop-web-2"].entries()) {
      const agent = await Agent.enrol(this.server, name, i + 1);
      this.agents.push(agent);
      await agent.heartbeat();
      agent.follow();
    }
    await Agent.enrol(this.server, "shop-batch-1", 9);
    await this.agents[0].send(findings());
  }

  /** The newest finding that a filter finds, through the API. */
  async findingWhere(filter) {
    const { items } = await this.server.must("GET", `/v1/findings?filter=${encodeURIComponent(filter)}`, undefined,
      this.server.admin);
    return items[0];
  }

  /** Until the screen is loaded, and its first answers have come. */
  async ready(page = this.page) {
    await page.waitForFunction(() => document.querySelector("h1, h2, .failure") && !document.querySelector(".loading"));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 30))));
  }

  async accessible(screen, page = this.page) {
    await page.evaluate(this.tools.axe);
    const violations = await page.evaluate(violationsOf, RULES);
    this.check(violations.length === 0, `${screen}: axe-core: ${violations.join("\n    ")}`);
  }

  async pose(look, page = this.page) {
    await page.emulateMedia({ colorScheme: look.colorScheme });
    await page.setViewportSize(look.narrow ? NARROW : WIDE);
    await page.evaluate((language) => localStorage.setItem("hinomi.language", language), look.language ?? "en");
  }

  async picture(name, page = this.page) {
    if (this.pictures) await page.screenshot({ path: join(this.pictures, `${name}.png`) });
  }

  /** One pixel may come of rounding. */
  async #fits(where, page) {
    const { over, who } = await page.evaluate(() => {
      const width = document.documentElement.clientWidth;
      const clipped = (e) => e && e !== document.body && (getComputedStyle(e).overflowX !== "visible" || clipped(e.parentElement));
      const wide = [...document.querySelectorAll("body *")].filter((e) =>
        e.getBoundingClientRect().right > width + 0.5 && !clipped(e.parentElement));
      return { over: document.documentElement.scrollWidth - width,
        who: wide.slice(0, 4).map((e) => `${e.tagName.toLowerCase()}.${e.className}`).join(", ") };
    });
    this.check(over <= 1, `${where}: ${over} px wider than the window: ${who}`);
  }

  /** A screen in light and dark under axe-core and not wider than the window; with pictures also ja and narrow. */
  async inspect(name, open, page = this.page) {
    for (const look of LOOKS) {
      if (!this.pictures && look.onlyPictures) continue;
      await this.pose(look, page);
      if (look.name !== "dark") await open();
      await page.waitForTimeout(150);
      await this.accessible(`${name} (${look.name})`, page);
      await this.#fits(`${name} (${look.name})`, page);
      await this.picture(`${name}-${look.name}`, page);
      if (look.name !== "dark") continue;
      await page.setViewportSize(NARROW);
      await page.waitForTimeout(100);
      await this.#fits(`${name} (narrow)`, page);
    }
    await this.pose(LOOKS[0], page);
  }
}
