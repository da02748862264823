import assert from "node:assert/strict";
import { test } from "node:test";
import { columnOf, feedOf, fieldsOf, kindOfFeed, kindOfItems, linesOf } from "../src/core/list-kind";
import { bandOf, changesOf, scalar, severityOf, yamlOf, type Draft } from "../src/core/policy";

const draft: Draft = { name: "Shop", enabled: true, scope: "", severity: null, channels: [],
  rules: [{ name: "A", enabled: true, actions: [] }, { name: "B: c", enabled: false, actions: ["capture", "deny"] }] };

test("scalars of YAML mean themselves", () => {
  for (const plain of ["Shop", "Known miner started", "a/b.c-d_e", "/x"]) assert.equal(scalar(plain), plain);
  for (const odd of ["", " a", "a ", "yes", "No", "null", "~", "1", "8.5", "-", "a: b", "a #b", "[a]", "'a'", "\"", "&x", "*x",
    "!x", "a,b", "a\nb", "日本", "<<", "=", "%x", "@x", "`x`", "a\u0085b", "\u2028", "\u007f", "😀"]) {
    const text = scalar(odd);
    assert.match(text, /^"[^\n\u007f-\u009f\u2028\u2029]*"$/, odd);
    assert.equal(JSON.parse(text), odd);
  }
});

test("a policy as YAML", () => {
  assert.equal(yamlOf(draft), "- policy: Shop\n  enabled: true\n  rules:\n    - name: A\n    - name: \"B: c\"\n" +
    "      enabled: false\n      actions: [deny, capture]\n");
  assert.equal(yamlOf({ ...draft, rules: [{ name: "A", enabled: true, actions: ["kill"], severity: 8 }] }),
    "- policy: Shop\n  enabled: true\n  rules:\n    - name: A\n      severity: 8.0\n      actions: [kill]\n");
  const other: Draft = { ...draft, enabled: false, scope: " ecs.cluster = prod\n", severity: 8, rules: [],
    channels: ["on-call", "a,b"] };
  assert.equal(yamlOf(other), "- policy: Shop\n  enabled: false\n  scope: \"ecs.cluster = prod\"\n  severity: 8.0\n" +
    "  rules: []\n  channels: [on-call, \"a,b\"]\n");
});

test("changes in words", () => {
  assert.deepEqual(changesOf(draft, structuredClone(draft)), []);
  const after: Draft = { ...draft, severity: 8.5, scope: "x", channels: ["c"],
    rules: [{ name: "A", enabled: false, actions: ["kill"] }, { name: "C", enabled: true, actions: [] }] };
  assert.deepEqual(changesOf(draft, after), [
    { what: "severity", from: null, to: 8.5 }, { what: "scope", from: "", to: "x" }, { what: "channels", from: "", to: "c" },
    { what: "off", rule: "A" }, { what: "actions", rule: "A", from: [], to: ["kill"] }, { what: "added", rule: "C" },
    { what: "removed", rule: "B: c" }]);
  const reordered: Draft = { ...draft, rules: [draft.rules[0]!, { ...draft.rules[1]!, actions: ["deny", "capture"] }] };
  assert.deepEqual(changesOf(draft, reordered), []);
});

test("severities", () => {
  for (const [text, value] of [["0", 0], ["10", 10], ["10.0", 10], ["9.9", 9.9], [" 7 ", 7]] as const) {
    assert.equal(severityOf(text), value);
  }
  for (const text of ["", "10.1", "11", "-1", "7.55", "7,5", "1e1", "."]) assert.equal(severityOf(text), undefined, text);
  assert.deepEqual([0, 0.9, 1, 3.9, 4, 6.9, 7, 8.9, 9, 10].map(bandOf),
    ["info", "info", "low", "low", "medium", "medium", "high", "high", "critical", "critical"]);
});

test("what items are", () => {
  assert.equal(kindOfItems([]), "text");
  assert.equal(kindOfItems(["kinsing", "test.txt"]), "text");
  assert.equal(kindOfItems([".pool.example", ".a.b.c"]), "domain");
  assert.equal(kindOfItems(["/tmp/x", "/etc/passwd"]), "path");
  assert.equal(kindOfItems(["10.0.0.1", "2001:db8::1"]), "address");
  assert.equal(kindOfItems(["d41d8cd98f00b204e9800998ecf8427e"]), "hash");
  assert.equal(kindOfItems([".pool.example", "x"]), "text");
  assert.equal(kindOfFeed(["Pool.example", "https://a.example/x"]), "domain");
  assert.equal(kindOfFeed(["test.txt", "evil.sh"]), "text");
  assert.equal(kindOfFeed(["D41D8CD98F00B204E9800998ECF8427E"]), "hash");
});

test("lines and fields", () => {
  assert.deepEqual(linesOf(" a \r\n\nb\na\n"), ["a", "b"]);
  assert.deepEqual(fieldsOf("a,\"b,\"\"c\",", ","), ["a", "b,\"c", ""]);
  assert.deepEqual(fieldsOf("", ","), [""]);
});

test("how files of indicators begin", () => {
  const plain = feedOf("# feed\nevil.example\nbad.example\n", "feed.txt");
  assert.deepEqual([plain.csv, plain.rows], [false, [["evil.example"], ["bad.example"]]]);
  const csv = feedOf("\ufeffid,domain,seen\n1,evil.example,2026\n2,bad.example,2026\n", "feed");
  assert.deepEqual([csv.csv, csv.delimiter, csv.header, csv.columns], [true, ",", true, ["id", "domain", "seen"]]);
  assert.equal(columnOf(csv), 2);
  const bare = feedOf("7;evil.example\n8;bad.example\n", "feed.csv");
  assert.deepEqual([bare.delimiter, bare.header, columnOf(bare)], [";", false, 2]);
  assert.equal(feedOf("a,b\n1,2\n", "x.csv", false).csv, false);
  assert.equal(columnOf(feedOf("", "x.csv")), 1);
});
