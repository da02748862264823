import assert from "node:assert/strict";
import { test } from "node:test";
import { lineageOf } from "../src/core/alert";
import { attackOf } from "../src/core/attack";
import { allFields, containerOf, cutAt, groupsOf, isPrivileged, outcomeOf, placeOf, startedOf } from "../src/core/evidence";
import { forestOf, rowsOf, type Started } from "../src/core/forest";
import { findingsWith } from "../src/core/links";
import { neighbours, offsetOf, placeFilter } from "../src/core/neighbours";
import type { Finding } from "../src/generated/schemas";
import { lineOf, plain } from "../src/screens/finding-text";
import { fieldsOf, type Row } from "../src/ui/exception-fields";

const DEFAULTS = { container_id: "c1", container_name: "web", agent: "a1", host: "h", rule: "R", title: "R", proc_name: "sh",
  parent_name: null, file: null, proc_exe: null, proc_cmdline: null, domain: null, user_name: null, image: null, sequence: false,
  members: null };

function finding(more: Partial<Finding>): Finding {
  return { ...DEFAULTS, ...more } as Finding;
}

test("ATT&CK is read from tags of any kind, in the order of an attack", () => {
  const attack = attackOf(["T1105", "mitre_persistence", "t1059.004", "credentials", "TA0040", "T9999", "container",
    "mitre_T1105"]);
  assert.deepEqual(attack.techniques.map((one) => one.id), ["T1105", "T1059.004", "T9999"]);
  assert.deepEqual(attack.tactics, ["execution", "persistence", "credential_access", "command_and_control", "impact"]);
  assert.equal(attack.techniques[1]?.url, "https://attack.mitre.org/techniques/T1059/004/");
  assert.deepEqual([attack.techniques[2]?.name, attack.techniques[2]?.tactic], [null, null]);
  assert.deepEqual(attackOf(["T11055", "xT1105", "T1105/../x", "T1105\n"]), { tactics: [], techniques: [] });
});

test("the item is marked where it ends the value", () => {
  assert.deepEqual(cutAt("/kinsing/kinsing", "kinsing").map((cut) => cut.hit), [false, true]);
  assert.deepEqual(cutAt("Pool.EXAMPLE.com", ".example.com"),
    [{ text: "Pool.", hit: false }, { text: "EXAMPLE.com", hit: true }]);
  assert.deepEqual(cutAt("abc", ""), [{ text: "abc", hit: false }]);
  assert.deepEqual(cutAt("abc", "*"), [{ text: "abc", hit: false }]);
  assert.deepEqual(cutAt("İstanbul x", "x"), [{ text: "İstanbul x", hit: false }]);
});

test("the place of evidence: its field, a kin of it, or what has the item", () => {
  const evidence = { list: "l", item: "kinsing", field: "fd.filename" };
  assert.deepEqual(placeOf(evidence, { "fd.filename": "kinsing" }), ["fd.filename", "kinsing"]);
  assert.deepEqual(placeOf(evidence, { "fd.name": "/tmp/kinsing" }), ["fd.name", "/tmp/kinsing"]);
  assert.deepEqual(placeOf(evidence, { "proc.cmdline": "touch kinsing" }), ["proc.cmdline", "touch kinsing"]);
  assert.equal(placeOf(evidence, { "fd.name": 3 }), null);
});

test("fields go to their groups, whatever they are", () => {
  const fields = { "proc.name": "sh", "fd.name": "10.0.0.1:1->10.0.0.2:2", "fd.sip": "10.0.0.2", "dns.rcode": 0,
    "user.name": "", "k8s.ns.name": null, odd: { a: 1 }, "evt.arg.flags": "O_CREAT" };
  const groups = Object.fromEntries(groupsOf(fields).map(([group, list]) => [group, list.map(([name]) => name)]));
  assert.deepEqual(groups, { process: ["proc.name"], file: ["evt.arg.flags"], network: ["fd.name", "fd.sip"],
    dns: ["dns.rcode"], other: ["odd"] });
  for (const bad of [null, 3, [], "x", { output_fields: [1], hinomi: { dns: "x", container: 4 } }]) {
    assert.deepEqual([allFields(bad), outcomeOf(bad), containerOf(bad), isPrivileged(bad)], [{}, "", "", false]);
  }
  assert.deepEqual(allFields({ output_fields: { "fd.name": "x" }, hinomi: { dns: { question: "a.example", answers: ["1"] } } }),
    { "fd.name": "x", "dns.question.name": "a.example", "dns.answers": ["1"] });
});

const started = (pid: number, ppid: number): Started => ({ pid, ppid, name: `p${pid}`, exe: "/x", args: "", start: null });

test("a tree of what is known: lineage, and what hangs on it", () => {
  const lineage = lineageOf({ hinomi: { lineage: [{ pid: 3, name: "c" }, { pid: 2, name: "b" }, { pid: 1, name: "a" }] } });
  const roots = forestOf(lineage, [started(9, 8), started(8, 2), started(7, 77), started(3, 2), started(8, 2)]);
  assert.equal(roots.length, 1);
  assert.deepEqual(rowsOf(roots, new Set()).map((node) => [node.name, node.level, node.beside, node.culprit]),
    [["a", 1, false, false], ["b", 2, false, false], ["c", 3, false, true], ["p8", 3, true, false], ["p9", 4, true, false]]);
  assert.deepEqual(rowsOf(roots, new Set(["l1"])).map((node) => node.name), ["a", "b"]);
  assert.deepEqual(forestOf([], [started(1, 0)]), []);
  const many = forestOf(lineage, Array.from({ length: 500 }, (_, i) => started(100 + i, 3)));
  assert.equal(rowsOf(many, new Set()).length, 60);
  const loop = forestOf(lineage, [started(5, 6), started(6, 5), started(4, 4)]);
  assert.equal(rowsOf(loop, new Set()).length, 3);
});

test("started programs are believed in nothing", () => {
  assert.equal(startedOf({ "proc.pid": "4", "proc.ppid": 1 }, 0), null);
  assert.equal(startedOf({ "proc.pid": 4, "proc.ppid": 1.5 }, 0), null);
  assert.equal(startedOf({ "proc.pid": 4, "proc.ppid": 1 }, Number.MAX_VALUE)?.start, null);
});

test("the neighbourhood is in order, of the same container", () => {
  const time = "2026-11-22T10:00:00Z";
  const alerts = [{ time, rule: "R", hinomi: { container: { id: "c1" } } }, { time: "x", rule: "R" }, null,
    { time, rule: "R", hinomi: { container: { id: "c2" } } }];
  const at = Date.parse(time);
  const all = neighbours([{ time_ms: at + 5, kind: "exec", fields: { "proc.cmdline": "b" } }, { time_ms: at - 5, kind: "dns",
    fields: { "dns.question.name": "a" } }], alerts, finding({}));
  assert.deepEqual(all.map((one) => [one.kind, one.what, one.own]),
    [["dns", "a", false], ["alert", "", true], ["exec", "b", false]]);
  assert.equal(placeFilter(finding({ container_id: 'a"b' })), 'agent = "a1" and container.id = "a\\"b"');
  assert.equal(placeFilter(finding({ container_id: null })), 'agent = "a1" and not container.id exists');
  assert.deepEqual([999, -1000, 90_000, 7_200_000].map((ms) => Object.values(offsetOf(ms, 0)).join(" ")),
    ["+ 999 ms", "− 1 s", "+ 1.5 min", "+ 2 h"]);
});

test("what happened, in the rule's words or in ours", () => {
  assert.equal(plain(lineOf(finding({}), "{proc.name} wrote {fd.name} {where}.", { "fd.name": "/k\u202e" })),
    "sh wrote /kU+202E in the container web.");
  assert.match(plain(lineOf(finding({ container_id: null, container_name: null }), "{proc.name} wrote {fd.name} {where}.", {})),
    /^sh \(started by an unknown parent\) matched the rule “R” on the host h\.$/);
  assert.equal(plain(lineOf(finding({ proc_name: "⟦where⟧" }), "{proc.name} {where}", {})), "⟦where⟧ in the container web");
});

test("an exception's fields: only what is chosen and complete", () => {
  const row = (more: Partial<Row>): Row => ({ id: 0, field: "proc.name", op: "=", value: "sh", on: true, own: false, ...more });
  const rows = [row({}), row({ on: false }), row({ value: " " }), row({ field: " " }), row({ op: "in", value: "a, b,," }),
    row({ op: "in", value: " , " })];
  assert.deepEqual(fieldsOf(rows),
    [{ field: "proc.name", op: "=", value: "sh" }, { field: "proc.name", op: "in", value: ["a", "b"] }]);
});

test("links carry any value", () => {
  assert.equal(findingsWith("rule", "a&b=c"), "/findings?is=rule%3Da%26b%3Dc&view=all&time=all");
});
