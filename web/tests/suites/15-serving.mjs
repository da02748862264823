// How the server serves the console, and that it has every route which the console asks for.
import { readFileSync } from "node:fs";

async function contract({ server, check }) {
  const api = await server.must("GET", "/v1/openapi.json");
  const source = readFileSync(new URL("../../src/core/routes.ts", import.meta.url), "utf8");
  for (const [, method, path] of source.matchAll(/"(GET|POST|PUT|PATCH|DELETE) (\/v1\/[^"]+)":/g)) {
    check(api.paths[path]?.[method.toLowerCase()] !== undefined, `the server has no ${method} ${path}`);
  }
}

async function headers({ server, check }) {
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
}

/** Of each package that package.json brings into the output, the text of its licence. */
async function licences({ server, check }) {
  const { status, body, headers: of } = await server.ask("GET", "/licences.txt");
  check(status === 200 && of.get("content-type").startsWith("text/plain"), "the licences are a text");
  const { dependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  for (const [name, version] of Object.entries(dependencies)) check(body.includes(`\n${name} ${version} (`), `the licence of ${name}`);
  const parts = body.split(/^={78}\n.*\n={78}$/m).slice(1);
  check(parts.length > 8 && parts.every((part) => /copyright/i.test(part)), "each has its notice");
}

async function noPages({ server, check }) {
  for (const path of ["/v1/nothing", "/assets/none.js"]) {
    check((await server.ask("GET", path, undefined, { Accept: "text/html" })).status === 404, `${path} is not a page`);
  }
  check((await server.ask("GET", "/findings")).status === 404, "programs get no page");
  check((await server.ask("POST", "/findings", {}, { Accept: "text/html" })).status === 404, "nothing is posted to a page");
}

export const needs = "login";

export default async function serving(w) {
  await headers(w);
  await contract(w);
  await licences(w);
  await noPages(w);
}
