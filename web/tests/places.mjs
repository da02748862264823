// Every screen of src/screens.ts with an address that can be opened: a new screen is in all suites that walk them.
import { readFileSync } from "node:fs";

/** The patterns of the console's addresses, in their order, without repetition. */
export function patterns() {
  const source = readFileSync(new URL("../src/screens.ts", import.meta.url), "utf8");
  const list = [...source.matchAll(/\{\s*path:\s*"(\/[^"]*)",\s*title:\s*"[^"]*",\s*(?:now|load)/g)].map((m) => m[1]);
  return [...new Set(list)];
}

/** What an ordinary reader would look at, where the first of a collection is not it. */
const FAVOURITE = {
  findings: (one) => one.rule === "Malicious filenames written",
  lists: (one) => one.name === "malicious_filenames",
  rules: (one) => one.name === "Malicious filenames written",
  macros: (one) => one.name === "open_write",
  policies: (one) => one.name === "Runtime Threat Intelligence",
};

/** Addresses whose last part is one of a few words. */
const WORDS = { "/rules/new/{kind}": ["rule", "macro", "import"] };

/** "/findings/{id}" is "finding", "/rules/{name}/edit" "rule-edit", "/settings/users" "settings-users". */
function nameOf(pattern) {
  const parts = pattern.slice(1).split("/");
  const words = parts.map((part, i) => /^\{/.test(parts[i + 1] ?? "") ? part.replace(/ies$/, "y").replace(/s$/, "") : part);
  return words.filter((part) => !part.startsWith("{")).join("-");
}

async function collection(w, name) {
  const { server } = w;
  const items = [];
  let cursor;
  do {
    const query = cursor ? `?limit=200&cursor=${encodeURIComponent(cursor)}` : "?limit=200";
    const { status, body } = await server.ask("GET", `/v1/${name}${query}`, undefined, server.admin);
    if (status !== 200) return items;
    items.push(...body.items);
    cursor = body.next;
  } while (cursor && items.length < 2000);
  return items;
}

/** Values for the parameter of `/…/collection/{param}`: the favourite (or first), and those that `wanted` chooses. */
async function values(w, before, param, wanted) {
  const name = before.split("/").filter((part) => part && !part.startsWith("{")).at(-1);
  const items = await collection(w, name);
  const first = items.find(FAVOURITE[name] ?? (() => true)) ?? items[0];
  const keyOf = (one) => String(one[param] ?? one.name ?? one.id);
  return [...new Set([...(first ? [first] : []), ...items.filter(wanted)].map(keyOf))];
}

/** [{ pattern, name, path }]; wanted: further items of a collection that shall be opened, too. */
export async function places(w, wanted = () => false) {
  const found = [];
  for (const pattern of patterns()) {
    const param = /\{(\w+)\}/.exec(pattern);
    const name = nameOf(pattern);
    for (const word of WORDS[pattern] ?? []) {
      found.push({ pattern: `${pattern} ${word}`, name: `${name}-${word}`, path: pattern.replace(param[0], word) });
    }
    if (WORDS[pattern]) continue;
    if (!param) {
      found.push({ pattern, name, path: pattern });
      continue;
    }
    const all = await values(w, pattern.slice(0, param.index), param[1], wanted);
    w.check(all.length > 0, `${pattern}: nothing to open: make one in tests/corpus.mjs or browser.mjs, or see tests/places.mjs`);
    for (const one of all) {
      const path = pattern.replace(param[0], encodeURIComponent(one)).replace(/\/\{\w+\}.*/, "");
      found.push({ pattern, name, path });
    }
  }
  return found;
}

/** One address for each screen. */
export async function onePlaceEach(w) {
  const all = await places(w);
  return all.filter((one, i) => all.findIndex((other) => other.pattern === one.pattern) === i);
}
