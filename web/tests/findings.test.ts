import assert from "node:assert/strict";
import { test } from "node:test";
import { wholeFilter, type Choice } from "../src/core/filter";
import { fitting, fixedValues, operatorsOf, slotAt, tokens, written, type KnownField } from "../src/core/filter-complete";
import { COLUMNS, keptQuery, queryOf, readView, toggled, USUAL } from "../src/core/findings-view";
import { PAGE_ROWS, RowSource, type RowPage, type RowPlace } from "../src/core/row-source";

interface Item { id: string }
interface Asked { place: RowPlace; answer: (page: RowPage<Item>) => void; fail: (error: Error) => void; signal: AbortSignal }

function source() {
  const asked: Asked[] = [];
  let changes = 0;
  const rows = new RowSource<Item>((place, signal) => new Promise((answer, fail) => asked.push({ place, answer, fail, signal })),
    () => { changes++; });
  return { rows, asked, changes: () => changes };
}

function page(first: number, total: number, limit = PAGE_ROWS): RowPage<Item> {
  const n = Math.max(0, Math.min(limit, total - first));
  return { items: Array.from({ length: n }, (_, i) => ({ id: `f${first + i}` })), total,
    next: first + n < total ? `c${first + n}` : null };
}

const calm = () => new Promise((resolve) => setTimeout(resolve, 80));

test("pages follow by cursor, jumps go by number", async () => {
  const { rows, asked } = source();
  rows.want(0, 20);
  assert.deepEqual(asked.map((a) => a.place), [{ offset: undefined, limit: PAGE_ROWS }]);
  asked[0]?.answer(page(0, 100_000));
  await calm();
  assert.equal(rows.total, 100_000);
  assert.equal(rows.row(99)?.id, "f99");
  assert.equal(rows.row(100), undefined);
  rows.want(90, 110);
  await calm();
  assert.deepEqual(asked[1]?.place, { cursor: "c100", limit: PAGE_ROWS });
  rows.want(50_000, 50_020);
  await calm();
  assert.equal(asked[1]?.signal.aborted, true, "what nobody looks at any more is not waited for");
  assert.deepEqual(asked[2]?.place, { offset: 50_000, limit: PAGE_ROWS });
  asked[2]?.answer(page(50_000, 100_000));
  await calm();
  assert.equal(rows.row(50_007)?.id, "f50007");
});

test("the edges of pages and of the list", async () => {
  for (const total of [0, 1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1]) {
    const { rows, asked } = source();
    rows.want(0, 500);
    asked[0]?.answer(page(0, total));
    await calm();
    assert.equal(rows.total, total);
    rows.want(0, 500);
    await calm();
    assert.equal(asked.length, total > PAGE_ROWS ? 2 : 1, `${total}`);
    if (total > PAGE_ROWS) {
      asked[1]?.answer(page(PAGE_ROWS, total));
      await calm();
    }
    assert.equal(rows.row(total - 1)?.id, total > 0 ? `f${total - 1}` : undefined);
    assert.equal(rows.row(total), undefined);
  }
});

test("few pages are kept, and those that are looked at always", async () => {
  const { rows, asked } = source();
  rows.want(0, 10);
  asked[0]?.answer(page(0, 1_000_000));
  await calm();
  for (let i = 1; i <= 60; i++) {
    rows.want(i * 1000, i * 1000 + 30);
    await new Promise((resolve) => setTimeout(resolve, 45));
    asked.at(-1)?.answer(page(i * 1000, 1_000_000));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.equal(rows.row(60_000)?.id, "f60000");
  assert.ok([...rows.loaded()].length <= 41 * PAGE_ROWS);
  assert.equal(rows.row(0), undefined);
});

test("a failure is told, and asking again mends it", async () => {
  const { rows, asked } = source();
  rows.want(0, 10);
  asked[0]?.fail(new Error("no"));
  await calm();
  assert.ok(rows.error instanceof Error && rows.ready);
  rows.reload();
  asked[1]?.answer(page(0, 3));
  await calm();
  assert.equal(rows.error, undefined);
  assert.equal(rows.total, 3);
});

test("a reload shows the old rows until the new ones are there; a list grows and shrinks", async () => {
  const { rows, asked } = source();
  rows.want(0, 10);
  asked[0]?.answer(page(0, 250));
  await calm();
  rows.reload();
  assert.equal(rows.row(0)?.id, "f0");
  asked[1]?.answer({ items: [{ id: "new" }], next: null, total: 1 });
  await calm();
  assert.equal(rows.row(0)?.id, "new");
  assert.equal(rows.total, 1);
  assert.equal(rows.row(1), undefined);
});

test("a row is changed in its place; after close nothing is told", async () => {
  const { rows, asked, changes } = source();
  rows.want(0, 10);
  asked[0]?.answer(page(0, 5));
  await calm();
  const before = rows.row(2);
  assert.equal(rows.patch("f2", (row) => ({ ...row })), true);
  assert.notEqual(rows.row(2), before);
  assert.equal(rows.patch("nobody", (row) => row), false);
  const told = changes();
  rows.reload();
  rows.close();
  asked[1]?.answer(page(0, 9));
  await calm();
  assert.equal(changes(), told);
});

test("the ids of a range, loaded or not", async () => {
  const { rows, asked } = source();
  rows.want(0, 10);
  asked[0]?.answer(page(0, 350));
  await calm();
  const ids = rows.idsOf(98, 201, new AbortController().signal);
  await calm();
  assert.deepEqual(asked[1]?.place, { cursor: "c100", limit: PAGE_ROWS });
  asked[1]?.answer(page(100, 350));
  await calm();
  asked[2]?.answer(page(200, 350));
  assert.deepEqual(await ids, Array.from({ length: 104 }, (_, i) => `f${98 + i}`));
});

test("what is being written in a filter", () => {
  const at = (text: string) => slotAt(text.replace("|", ""), text.indexOf("|"));
  const kind = (text: string) => { const s = at(text); return `${s.kind} ${s.prefix}`.trim(); };
  for (const [text, wanted] of [
    ["|", "field"], ["sev|", "field sev"], ["severity |", "operator"], ["severity >|", "value"], ["severity >= |", "value"],
    ["severity >= 7 |", "join"], ["severity >= 7 an|", "join an"], ["severity >= 7 and |", "field"], ["not |", "field"],
    ["not (rule|", "field rule"], ["rule = \"Kno|", "value Kno"], ["rule in (|", "value"], ["rule in (a, b|", "value b"],
    ["rule in (a, b) |", "join"], ["rule exists |", "join"], ["(a = b) or |", "field"], ["rule con| x", "operator con"],
    ["rule=|", "value"], ["rule=x|", "value x"],
  ] as const) assert.equal(kind(text), wanted, text);
  assert.deepEqual(at("a = b and rul|e = x"), { kind: "field", from: 10, to: 14, prefix: "rul", field: "" });
  const inside = at("rule in (x, \"a b|\")");
  assert.equal(inside.kind === "value" && inside.listed && inside.field, "rule");
  assert.deepEqual(tokens("a>=\"x\\\"y\" ").map((one) => one.text), ["a", ">=", "\"x\\\"y\""]);
  for (const text of ["", "\"", "'''", "(((", "a = \"", ",,,", "\\", "not not", "= = ="]) {
    for (let i = 0; i <= text.length; i++) slotAt(text, i);
  }
});

test("values are quoted when they have to be", () => {
  assert.equal(written("/usr/bin/sh"), "/usr/bin/sh");
  for (const [value, wanted] of [["a b", "\"a b\""], ["and", "\"and\""], ["", "\"\""], ["a\"b", "\"a\\\"b\""], ["a=b", "\"a=b\""],
    ["火の見", "\"火の見\""]] as const) assert.equal(written(value), wanted);
});

test("operators and values of a field", () => {
  const field = (name: string, type: string): KnownField =>
    ({ name, type, list: false, argument: false, doc: "", over: ["findings"] });
  const all = "exists = != < <= > >= contains icontains startswith endswith glob in intersects".split(" ");
  assert.equal(operatorsOf(field("severity", "UINT64"), all)[0], ">=");
  assert.equal(operatorsOf(field("rule", "CHARBUF"), all)[0], "=");
  assert.equal(operatorsOf(field("tag", "CHARBUF"), all)[0], "intersects");
  assert.deepEqual(operatorsOf(undefined, all), all);
  assert.deepEqual(fixedValues(field("last_seen", "ABSTIME")), ["-1h", "-24h", "-7d", "-30d"]);
  assert.equal(fixedValues(field("rule", "CHARBUF")), null);
  assert.deepEqual(fitting(["container.image", "image", "imagine"], "IMAG", (x) => x, 2), ["image", "imagine"]);
});

test("the address tells the view, whatever it says", () => {
  const view = readView(new URLSearchParams(
    "columns=user,what,nonsense,user&sort=count&group=host&from=5&to=9&time=never&view=x"));
  assert.deepEqual(view.columns, ["user", "what"]);
  assert.deepEqual([view.sort, view.group, view.from, view.to, view.span, view.view], ["count", "host", "5", "9", "7d", "open"]);
  assert.deepEqual(readView(new URLSearchParams("columns=,,")).columns, USUAL);
  assert.equal(readView(new URLSearchParams("to=9")).from, undefined);
  assert.equal(readView(new URLSearchParams("from=abc")).from, "-7d");
  assert.equal(new Set(COLUMNS).size, COLUMNS.length);
  assert.equal(keptQuery(new URLSearchParams("time=1h&open=f1&saved=3&columns=what&cursor=x")), "columns=what&time=1h");
});

test("choosing, the opposite, and taking back", () => {
  const one: Choice = { field: "rule", value: "x", not: false };
  const chosen = toggled([], one);
  assert.deepEqual(chosen, [one]);
  assert.deepEqual(toggled(chosen, { ...one, not: true }), [{ ...one, not: true }]);
  assert.deepEqual(toggled(chosen, one), []);
  assert.equal(queryOf(readView(new URLSearchParams("view=all&is=!tag%3Da&is=assignee&is=!host&is=band%3Dlow"))).filter,
    "not tag intersects (\"a\") and assignee exists and not host exists and severity = \"low\"");
});

test("a whole query as one filter", () => {
  assert.equal(wholeFilter({ filter: "a = b", text: "" }), "a = b");
  assert.equal(wholeFilter({ filter: "", text: "", from: "-7d" }), "last_seen >= -7d");
  assert.match(wholeFilter({ filter: "a = b or c = d", text: "x\"y z", from: "1", to: "2" }),
    /^\(a = b or c = d\) and \(rule icontains "x\\"y" or .*\) and \(rule icon.* "z" .*\) and last_seen >= 1 and last_seen < 2$/);
});
