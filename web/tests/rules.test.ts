// Conditions and rule files taken apart, differences, the library's choices.
import assert from "node:assert/strict";
import test from "node:test";
import { expectedAfter, tokens } from "../src/core/condition";
import { diffLines, nearChanges, unified } from "../src/core/diff";
import { choose, readLibrary } from "../src/core/library";
import { marks, namesIn, placeOf, regions } from "../src/core/rule-text";

const kinds = (text: string) => tokens(text).filter((token) => token.kind !== "blank")
  .map((token) => `${token.kind}:${token.text}`);

test("a condition's words", () => {
  assert.deepEqual(kinds("(file_written or not x) and fd.filename in (malicious_filenames, \"a b\")"), [
    "sign:(", "name:file_written", "keyword:or", "keyword:not", "name:x", "sign:)", "keyword:and", "field:fd.filename",
    "operator:in", "sign:(", "item:malicious_filenames", "sign:,", "text:\"a b\"", "sign:)"]);
  assert.deepEqual(kinds("basename(fs.path.target) in (l) and proc.name=foo.sh"), [
    "function:basename", "sign:(", "field:fs.path.target", "sign:)", "operator:in", "sign:(", "item:l", "sign:)",
    "keyword:and", "field:proc.name", "operator:=", "item:foo.sh"]);
  assert.deepEqual(kinds("evt.rawres >= 0 and fd.name exists and m"), [
    "field:evt.rawres", "operator:>=", "number:0", "keyword:and", "field:fd.name", "operator:exists", "keyword:and", "name:m"]);
  assert.deepEqual(kinds("proc.name startswith anyof (python, ruby)"), [
    "field:proc.name", "operator:startswith", "operator:anyof", "sign:(", "item:python", "sign:,", "item:ruby", "sign:)"]);
  for (const odd of ["", "(((", ")))", "\"open", "a = = b", "in in in (", "\u0000'"]) {
    assert.equal(tokens(odd).map((token) => token.text).join(""), odd);
  }
});

test("what may come next in a condition", () => {
  assert.deepEqual(expectedAfter("a and pro"), { expected: "left", word: "pro" });
  assert.deepEqual(expectedAfter("proc.name st"), { expected: "operator", word: "st" });
  assert.deepEqual(expectedAfter("proc.name in (ba"), { expected: "items", word: "ba" });
  assert.deepEqual(expectedAfter("proc.name = "), { expected: "value", word: "" });
});

const FILE = `# all of it
- macro: m
  condition: evt.type = open

- rule: A rule: with colon
  desc: >
    condition: is no key here
  condition: >
    m and # not a comment
    proc.name in (l)
  output: opened %fd.name
  exceptions:
    - name: e
      fields: [proc.name]
  override:
    condition: append
  tags: [a]
`;

test("a rule file's keys", () => {
  assert.deepEqual(regions(FILE).map((region) => [region.item, region.parent, region.key].join("/")), [
    "macro//macro", "macro//condition", "rule//rule", "rule//desc", "rule//condition", "rule//output", "rule//exceptions",
    "rule/exceptions/name", "rule/exceptions/fields", "rule//override", "rule/override/condition", "rule//tags"]);
  assert.deepEqual(namesIn(FILE), [{ kind: "macro", name: "m" }, { kind: "rule", name: "A rule: with colon" }]);
  const found = marks(FILE).map((mark) => `${mark.kind}:${FILE.slice(mark.from, mark.to)}`);
  assert.ok(found.includes("comment:# all of it"));
  assert.ok(found.includes("variable:%fd.name"));
  assert.ok(found.includes("item:l"));
  assert.ok(!found.includes("key:is"));
});

test("where something is written", () => {
  const at = (text: string) => placeOf(text, text.length);
  assert.deepEqual(at("- ru"), { at: "key", item: "", parent: "", word: "ru", has: [] });
  assert.deepEqual(at("- rule: x\n  con"), { at: "key", item: "rule", parent: "", word: "con", has: ["rule"] });
  assert.deepEqual(at("- rule: x\n  condition: >\n    a and fd."),
    { at: "value", item: "rule", key: "condition", parent: "", before: "\n    a and fd." });
  assert.deepEqual(at("- rule: x\n  priority: WA"),
    { at: "value", item: "rule", key: "priority", parent: "", before: "WA" });
  assert.equal((at("- rule: x\n  override:\n    con") as { parent: string }).parent, "override");
});

test("differences", () => {
  const lines = diffLines("a\nb\nc\nd\n", "a\nx\nc\nd\n");
  assert.deepEqual(lines.map((line) => line.kind), ["same", "gone", "new", "same", "same"]);
  assert.equal(diffLines("", "a").length, 1);
  assert.equal(diffLines("a\n", "a\n").filter((line) => line.kind !== "same").length, 0);
  const many = Array.from({ length: 50 }, (_, i) => `line ${i}`).join("\n");
  assert.equal(nearChanges(diffLines(many, many.replace("line 25", "LINE"))).length, 10);
  const taken = unified("@@ -1,2 +1,3 @@\n a\n-b\n+c\n+d\n");
  assert.deepEqual(taken.map((line) => [line.kind, line.before, line.after]),
    [["same", 1, 1], ["gone", 2, undefined], ["new", undefined, 2], ["new", undefined, 3]]);
});

test("the library's choices", () => {
  const rule = (name: string, more = {}) => ({ name, origin: "managed" as const, overridden: false, conflict: null,
    enabled: true, severity: 5.5, tags: ["T1"], policies: ["P"], ...more });
  const rules = [rule("b"), rule("a", { severity: 9, enabled: false }),
    rule("c", { changed: { version: 3, time_ms: 900, author: "me" } })];
  const names = (query: string) =>
    choose(rules, readLibrary(new URLSearchParams(query)), 1000).map((one) => one.name).join("");
  assert.equal(names(""), "abc");
  assert.equal(names("sort=-severity"), "abc");
  assert.equal(names("enabled=off"), "a");
  assert.equal(names("severity=medium&tag=T1"), "bc");
  assert.equal(names("changed=7d"), "c");
  assert.equal(names("q=B"), "b");
  assert.equal(names("policy=none"), "");
});
