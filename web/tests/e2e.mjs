// The console in a browser, against a real server: e2e.mjs SERVER CONTENT [--only NAME,…] [--pictures FOLDER]
//
// Runs suites/NN-name.mjs in their order, each on a page of its own. A suite is `export default async (w) => …` with
// the world of browser.mjs: set up, logged in as administrator, with agents and findings, unless it exports
// `needs = "nothing"` (a server without a user) or `needs = "login"` (no agents yet).
import { readdirSync } from "node:fs";
import { parts, World } from "./browser.mjs";

function argumentsOf(list) {
  const given = { only: undefined, pictures: undefined };
  const plain = [];
  for (let i = 0; i < list.length; i++) {
    if (list[i] === "--only") given.only = list[++i].split(",");
    else if (list[i] === "--pictures") given.pictures = list[++i];
    else plain.push(list[i]);
  }
  [given.program, given.content] = plain;
  if (!given.content) throw new Error("usage: e2e.mjs SERVER CONTENT [--only NAME,…] [--pictures FOLDER]");
  return given;
}

function chosen(only) {
  const all = readdirSync(new URL("suites/", import.meta.url)).filter((f) => /^\d\d-[\w-]+\.mjs$/.test(f)).sort()
    .map((file) => ({ file, name: file.slice(3, -4) }));
  for (const name of only ?? []) {
    if (!all.some((s) => s.name === name)) throw new Error(`there is no suite ${name}: ${all.map((s) => s.name).join(" ")}`);
  }
  return all.filter((s) => !only || only.includes(s.name));
}

async function run(w, { file, name }) {
  const started = Date.now();
  const { default: suite, needs = "world" } = await import(`./suites/${file}`);
  if (needs !== "nothing") await w.enter();
  if (needs === "world") await w.populate();
  w.page = await w.newPage();
  if (needs !== "nothing") await w.page.goto(`${w.server.url}/favicon.svg`);
  try {
    await suite(w);
  } catch (error) {
    w.check(false, `${name}: ${error.stack}\n    at ${w.page.url()}`);
  }
  w.check(w.faults.length === 0, `${name}: faults of scripts and of the policy: ${[...new Set(w.faults)].join("\n    ")}`);
  w.faults.length = 0;
  await w.page.close();
  console.log(`# ${name}: ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function main() {
  const given = argumentsOf(process.argv.slice(2));
  const tools = parts();
  if (tools.why) {
    console.log(`skipped: ${tools.why}`);
    return 77;
  }
  const w = new World(tools, given);
  process.on("exit", () => w.killServer());
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) process.on(signal, () => process.exit(1));
  try {
    await w.start();
    if (!(await w.server.ask("GET", "/", undefined, { Accept: "text/html" })).body.includes("/assets/")) {
      console.log("skipped: hinomi-server was built without its console");
      return 77;
    }
    for (const suite of chosen(given.only)) await run(w, suite);
  } catch (error) {
    w.check(false, error.stack);
  } finally {
    await w.stop();
  }
  console.log(`${w.passed} passed, ${w.failures} failed`);
  return w.failures > 0 ? 1 : 0;
}

main().then((status) => process.exit(status), (error) => {
  console.log(`not ok: ${error.stack}`);
  process.exit(1);
});
