// Sentences of the server in Japanese: each is one that the sources say, and each that the rule engine says is there.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { known, translated, type Sentences } from "../src/core/said";
import { sentences } from "../src/core/said-ja";
import { ofRules } from "../src/core/said-ja-rules";

const root = process.env.HINOMI_ROOT ?? join(process.cwd(), "..");

function source(folders: string[]): string {
  const files = folders.flatMap((folder) => readdirSync(join(root, folder)).filter((f) => /\.(c|h|def)$/.test(f))
    .map((f) => join(root, folder, f)));
  return files.map((path) => readFileSync(path, "utf8")).join("\n");
}

/** Adjacent literals are one; what printf puts in, and macros between literals, are {}. */
function plain(text: string): string {
  return text.replace(/"\s*STR_FMT\s*"?/g, "{}").replace(/" (?:PRI[a-z0-9]+|[A-Z_]+_TEXT)\s*"?/g, "{}").replace(/"\s*"/g, "")
    .replace(/%%/g, "\u0000").replace(/%[-.*0-9]*(?:l|ll|z|h)?[sducxm]/g, "{}").replaceAll("\u0000", "%");
}

const unescaped = (text: string) => text.replace(/\\(["\\])/g, "$1");
const text = unescaped(plain(source(["src/rules", "src/server", "src/filter", "src/store", "src/base", "src/aws",
  "src/courier", "src/notify", "src/summarise"])));

test("each sentence is one of the sources'", () => {
  const lost = sentences.map(([english]) => english)
    .filter((english) => english.split("{}").some((part) => part.trim().length > 2 && !text.includes(part)));
  assert.deepEqual(lost, []);
});

/** Whole sentences that are given to the functions which report. */
function* reported(): Generator<string> {
  const said = plain(source(["src/rules"]));
  const call = /\b(?:report|fail_at|complain|parser_fail)\((?:[^;"]|"(?:[^"\\]|\\.)*")*?"((?:[^"\\\n]|\\.){14,})"/g;
  for (const [, one = ""] of said.matchAll(call)) {
    if (/ /.test(one) && !/^(?:condition expression|exception values)$/.test(one)) yield unescaped(one);
  }
}

test("what the rule engine reports is known", () => {
  const table = known(ofRules);
  const lacking = [...reported()].filter((one) => translated(one, table) === undefined);
  assert.deepEqual(lacking, []);
});

test("what changes stands in its place", () => {
  const table: Sentences = [["there is no {} '{}'", "{2} という {1} はない"], ["field", "フィールド"]];
  assert.equal(translated("there is no field 'a$1{1}'", known(table)), "a$1{1} という フィールド はない");
  assert.equal(translated("there is none", known(table)), undefined);
});

test("a sentence uses what it was given", () => {
  for (const [english, japanese] of sentences) {
    const given = english.split("{}").length - 1;
    const used = [...japanese.matchAll(/\{(\d)\}/g)].map((m) => Number(m[1]));
    assert.ok(used.every((n) => n >= 1 && n <= given), english);
  }
});
