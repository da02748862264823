import assert from "node:assert/strict";
import { test } from "node:test";
import { evidenceOf, lineageOf, sentence } from "../src/core/alert";
import { urlOf } from "../src/core/api";
import { en } from "../src/core/en";
import { choiceText, filterText, parseChoice, quote, type Choice } from "../src/core/filter";
import { fill } from "../src/core/i18n";
import { ja } from "../src/core/ja";
import { match } from "../src/core/router";
import { ago, exact, setZone } from "../src/core/time";
import { isHidden, visible, visibleText } from "../src/core/visible";

function names(text: string): string[] {
  return [...new Set([...text.matchAll(/\{(\w+)/g)].map((m) => m[1] ?? ""))].sort();
}

test("both languages have the same parameters, and none is empty", () => {
  for (const key of Object.keys(en) as Array<keyof typeof en>) {
    const plural = new Set([...en[key].matchAll(/\{(\w+)\|/g)].map((m) => m[1]));
    const alone = new Set([...en[key].matchAll(/\{(\w+)\}/g)].map((m) => m[1]));
    const wanted = names(en[key]).filter((name) => alone.has(name) || !plural.has(name));
    for (const name of wanted) assert.ok(names(ja[key]).includes(name), `${key}: ${name} is missing in Japanese`);
    for (const name of names(ja[key])) assert.ok(names(en[key]).includes(name), `${key}: ${name} is not in English`);
    assert.ok(ja[key].length > 0 && en[key].length > 0, key);
  }
});

test("texts are filled, words go by number", () => {
  assert.equal(fill("{n} {n|finding|findings}", { n: 1 }), "1 finding");
  assert.equal(fill("{n} {n|finding|findings}", { n: 0 }), "0 findings");
  assert.equal(fill("{n} {n|finding|findings}", { n: 1234 }), "1,234 findings");
  assert.equal(fill("[{what}]", { what: "a\u202eb" }), "[aU+202Eb]");
  assert.equal(fill("a {what} {none}", { what: "{what}" }), "a {what} ");
});

test("what cannot be seen is made visible, nothing else changes", () => {
  const plain = "touch /tmp/火の見 <img src=x onerror=alert(1)> 👍 é";
  assert.equal(visibleText(plain), plain);
  assert.deepEqual(visible("a\u202egnp.exe"), [
    { text: "a" }, { text: "U+202E", hidden: "U+202E right-to-left override" }, { text: "gnp.exe" }]);
  assert.equal(visibleText("\u0000\u001b[31m\n\t\u007f\u0085"), "\\0\\e[31m\\n\\t\\x7f\\x85");
  assert.equal(visibleText("a\u200bb\ufeffc\u00add"), "aU+200BbU+FEFFc\\xadd");
  assert.equal(visibleText("\ud800x"), "U+D800x");
  assert.equal(visibleText("\u{e0041}"), "U+E0041");
  assert.deepEqual(visible(""), [{ text: "" }]);
});

test("the edges of what is hidden", () => {
  for (const [point, hidden] of [[0x1f, true], [0x20, false], [0x7e, false], [0x7f, true], [0xa0, true], [0xa1, false],
    [0x1fff, false], [0x2000, true], [0x200f, true], [0x2010, false], [0x2027, false], [0x202f, true],
    [0x2030, false], [0x3000, false], [0xd7ff, false], [0xd800, true], [0x10ffff, true]] as const) {
    assert.equal(isHidden(point), hidden, point.toString(16));
  }
});

test("choices go into the address and back, and into the filter", () => {
  const choices: Choice[] = [
    { field: "rule", value: "A = \"b\" \\ c", not: false }, { field: "rule", value: "B", not: false },
    { field: "host", value: "x", not: true }, { field: "file", value: null, not: false },
    { field: "file", value: null, not: true }, { field: "band", value: "high", not: false },
  ];
  for (const choice of choices) assert.deepEqual(parseChoice(choiceText(choice)), choice);
  assert.equal(parseChoice("1=2; drop"), null);
  assert.equal(quote("a\"b\\"), "\"a\\\"b\\\\\"");
  assert.equal(filterText("open", choices.slice(0, 3), "count > 3 or count = 1"),
    "status in (new, acknowledged) and (rule = \"A = \\\"b\\\" \\\\ c\" or rule = \"B\") and not host = \"x\" " +
    "and (count > 3 or count = 1)");
  assert.equal(filterText("all", [], " severity >= 7 "), "severity >= 7");
  assert.equal(filterText("all", [], ""), "");
});

test("paths", () => {
  assert.deepEqual(match("/lists/{name}", "/lists/a%2Fb"), { name: "a/b" });
  assert.equal(match("/lists/{name}", "/lists"), null);
  assert.equal(match("/lists/{name}", "/lists/%zz"), null);
  const query = { search: "x&y", limit: 5, cursor: undefined };
  assert.equal(urlOf("GET /v1/lists/{name}/items", { path: { name: "a/b c" }, query }),
    "/v1/lists/a%2Fb%20c/items?search=x%26y&limit=5");
});

test("times", () => {
  setZone("utc");
  assert.equal(exact(Date.UTC(2026, 0, 2, 3, 4, 5)), "2026-01-02 03:04:05");
  assert.match(ago(Date.UTC(2026, 0, 1), Date.UTC(2026, 0, 3)), /2 days ago|day before/);
  assert.match(ago(1000, 500), /now|0 sec/);
});

test("alerts are believed in nothing", () => {
  for (const bad of [null, 3, [], {}, { hinomi: null }, { hinomi: { lineage: 3, evidence: [null, 4] } }]) {
    assert.ok(Array.isArray(lineageOf(bad)) && Array.isArray(evidenceOf(bad)));
  }
  assert.deepEqual(lineageOf({ hinomi: { lineage: [{ name: "touch", pid: 7 }, { name: "sh", pid: "7" }] } })
    .map((p) => [p.name, p.pid]), [["sh", null], ["touch", 7]]);
});

test("a rule's sentence needs all of its fields", () => {
  assert.deepEqual(sentence("{proc.name} wrote {fd.name}.", { "proc.name": "sh", "fd.name": "/k" }),
    [{ text: "sh", field: "proc.name" }, { text: " wrote " }, { text: "/k", field: "fd.name" }, { text: "." }]);
  assert.equal(sentence("{proc.name} wrote", { "proc.name": null }), null);
  assert.deepEqual(sentence("{a}", { a: "{b}" }), [{ text: "{b}", field: "a" }]);
});
