// Both stories of the demo, through the console: the miner's finding names everything, and people were told of it; a name
// appended to a list in the browser is in force at once. The demo has a server of its own, which this suite logs in to.
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = join(dirname(fileURLToPath(import.meta.url)), "../../../tools/demo/main.py");
const SKIPPED = 77;

function demo(build, verb, folder) {
  return new Promise((done) => {
    execFile("python3", [MAIN, build, verb, folder], { maxBuffer: 16 << 20, timeout: 300_000 }, (error, out, err) =>
      done({ status: error ? error.code ?? 1 : 0, said: `${out}${err}` }));
  });
}

async function logIn(page, there) {
  await page.goto(`${there.url}/findings`);
  await page.getByLabel("Name").fill(there.name);
  await page.getByLabel("Password").fill(there.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
}

async function miner(w, page, there) {
  await page.getByRole("link", { name: "Connection to a mining pool" }).first().waitFor();
  await w.picture("stories-findings-light", page);
  await page.goto(`${there.url}/findings/${there.finding}`);
  await page.getByRole("heading", { name: "Connection to a mining pool" }).first().waitFor();
  await w.ready(page);
  const text = await page.locator("#main").innerText();
  for (const what of ["demo", "worker", "cnrig", "/usr/local/bin/cnrig", "sha256:", "pool.supportxmr.com", "Resource Hijacking"]) {
    w.check(text.includes(what), `the miner's finding does not show ${what}: ${text.slice(0, 4000)}`);
  }
  await w.accessible("the miner's finding", page);
  await w.picture("stories-miner-light", page);
}

async function told(w, page, there) {
  await page.goto(`${there.url}/settings/notifications`);
  await page.getByText("on-call (ja)").first().waitFor();
  await w.ready(page);
  await w.picture("stories-notifications-light", page);
}

/** The mails as people see them. */
async function mails(w, folder) {
  const all = readdirSync(join(folder, "mail")).filter((name) => name.endsWith(".html"))
    .map((name) => readFileSync(join(folder, "mail", name), "utf8")).filter((html) => html.includes("pool.supportxmr.com"));
  const japanese = all.find((html) => html.includes("マイニングプール")), english = all.find((html) => html.includes("mining pool"));
  w.check(english !== undefined && japanese !== undefined, "there are mails of the pool in both languages");
  for (const [name, html] of [["en", english], ["ja", japanese]]) {
    const page = await w.newPage();
    await page.setViewportSize({ width: 720, height: 900 });
    await page.setContent(html ?? "");
    w.check(await page.locator("script, img, link, iframe").count() === 0, `the mail (${name}) loads nothing`);
    await w.picture(`mail-${name}`, page);
    await page.close();
  }
}

async function append(w, page, there) {
  await page.goto(`${there.url}/lists/malicious_filenames`);
  await page.getByRole("button", { name: "Append" }).click();
  await page.getByLabel("New items, one a line").fill("from-the-browser.txt");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("1 item appended").waitFor();
  await page.getByText(/In force on (\d+) of \1 agents/).first().waitFor({ timeout: 30_000 });
  await page.goto(`${there.url}/findings`);
  await page.getByRole("heading", { name: "Findings" }).waitFor();
  await w.ready(page);
  const answer = await fetch(`http://127.0.0.1:${there.shop}/cgi-bin/exec?touch%20/from-the-browser.txt`);
  w.check(answer.status === 200, "the shop did it");
  const { items } = await w.until("its finding", async () => {
    const got = await page.request.get(`${there.url}/v1/findings?filter=${encodeURIComponent('file = "/from-the-browser.txt"')}`);
    const body = await got.json();
    return body.items?.length > 0 && body;
  });
  await page.goto(`${there.url}/findings/${items[0].id}`);
  await page.getByText("/from-the-browser.txt").first().waitFor();
}

export const needs = "nothing";

export default async function stories(w) {
  const build = dirname(dirname(dirname(w.program)));
  const base = mkdtempSync(join(tmpdir(), "hinomi-stories-")), folder = join(base, "demo");
  try {
    const started = await demo(build, "start", folder);
    if (started.status === SKIPPED) {
      console.log(`# stories: ${started.said.trim()}`);
      return;
    }
    w.check(started.status === 0 && existsSync(join(folder, "console.json")), `the demo: ${started.said.slice(-3000)}`);
    const there = JSON.parse(readFileSync(join(folder, "console.json"), "utf8"));
    // Cookies are a host's, whatever the port: the other suites' log-in is to stay.
    const context = await w.browser.newContext({ locale: "en-US", timezoneId: "UTC", reducedMotion: "reduce" });
    const page = await w.newPage(context);
    await logIn(page, there);
    await miner(w, page, there);
    await told(w, page, there);
    await mails(w, folder);
    await append(w, page, there);
    await context.close();
  } finally {
    await demo(build, "stop", folder);
    rmSync(base, { recursive: true, force: true });
  }
}
