// Pure parts of overview, coverage, activity and onboarding.
import assert from "node:assert/strict";
import { test } from "node:test";
import { filterOf, joined, objectOf, readView, timesOf } from "../src/core/activity";
import { bytes, containersOf, numberOf, textOf } from "../src/core/coverage";
import {
  deployCommand, hostCommand, instrumentCommand, isLoopback, json, quoted, taskDefinition, word,
} from "../src/core/onboarding";
import { findingsUrl, is, seen, topOf, visitOf, visitText, windowOf } from "../src/core/overview";

const HOUR = 3_600_000;

test("a window ends with the bar of now, cut where the reader's hours and days begin", () => {
  const now = Date.UTC(2026, 10, 22, 14, 37);
  const day = windowOf("24h", now);
  assert.equal(day.to, Date.UTC(2026, 10, 22, 15));
  assert.equal(day.to - day.from, 24 * HOUR);
  const tokyo = windowOf("30d", now, 9 * HOUR);
  assert.equal(tokyo.to, Date.UTC(2026, 10, 22, 15));
  assert.equal(windowOf("24h", Date.UTC(2026, 10, 22, 15)).to, Date.UTC(2026, 10, 22, 16));
});

test("a visit goes on for half an hour; the next one knows when the last ended", () => {
  assert.equal(visitOf(null, 1000).last, null);
  assert.equal(visitOf("nonsense", 1000).last, null);
  assert.equal(visitOf("0 9000", 1000).last, null);
  const first = visitText(visitOf(null, HOUR));
  assert.equal(visitOf(first, HOUR * 1.5).last, null);
  assert.equal(visitOf(first, HOUR * 1.5 + 1).last, HOUR);
  const second = visitText(visitOf(first, HOUR * 3));
  assert.equal(visitOf(second, HOUR * 3.2).last, HOUR);
});

test("a scale ends with a whole number that halves", () => {
  for (const most of [0, 1, 4, 5, 19, 20, 21, 99, 101, 4001, 123_456]) {
    const top = topOf(most);
    assert.ok(top >= most && top % 2 === 0 && top >= 4, `${most}: ${top}`);
  }
});

test("links to findings say what was chosen", () => {
  assert.equal(findingsUrl({ time: "7d" }, [seen, is("rule", "a&b=c")]),
    "/findings?time=7d&is=%21status%3Dsuppressed&is=rule%3Da%26b%3Dc");
});

test("what an agent says is looked at before it is believed", () => {
  const heartbeat = { drops: "3", lag_ms: 7, spool: { bytes: 1 }, health: { reason: "" } };
  assert.equal(numberOf(heartbeat, "drops"), null);
  assert.equal(numberOf(heartbeat, "spool.bytes"), 1);
  assert.equal(numberOf(null, "spool.bytes"), null);
  assert.equal(textOf(heartbeat, "health.reason"), null);
  assert.deepEqual(containersOf([null, 3, { id: 5, watched: "yes" }]), [
    { id: "", name: "", image: "", task: "", cluster: "", watched: false, why: "" }]);
  assert.deepEqual(containersOf("x"), []);
  assert.deepEqual([bytes(0), bytes(1023), bytes(1024), bytes(20_971_520)], ["0 B", "1,023 B", "1 KiB", "20 MiB"]);
});

test("activity is asked for in whole bars, or for what was chosen", () => {
  const view = readView(new URLSearchParams("time=6h&kind=dns&filter=a+=+b+or+c+=+d"));
  const times = timesOf(view, 1_000_000_123);
  assert.equal(times.from % times.width, 0);
  assert.equal(times.to % times.width, 0);
  assert.ok((times.to - times.from) / times.width <= 82);
  assert.equal(filterOf(view), "kind = dns and (a = b or c = d)");
  const chosen = readView(new URLSearchParams("from=100&to=160&kind=nonsense"));
  assert.deepEqual(timesOf(chosen, 1e12), { from: 100, to: 160, width: 1000 });
  assert.equal(readView(new URLSearchParams("from=160&to=100")).from, undefined);
  assert.equal(filterOf(chosen), "");
});

test("a value that is chosen is a value", () => {
  assert.equal(joined("", "proc.name", 'a" or "b', false), 'proc.name = "a\\" or \\"b"');
  assert.equal(joined("x = 1", "proc.name", "a", true), 'x = 1 and proc.name != "a"');
  const started = { agent: "a", time_ms: 0, kind: "exec" as const, fields: { "proc.cmdline": "", "proc.name": "sh" } };
  assert.equal(objectOf(started)?.value, "sh");
  assert.equal(objectOf({ agent: "a", time_ms: 0, kind: "dns", fields: {} }), null);
});

test("what is copied is what a shell and ECS take", () => {
  assert.equal(quoted("it's"), "'it'\\''s'");
  assert.equal(hostCommand("hinomi-agent", true), "hinomi-agent --sensor ptrace");
  assert.deepEqual(["http://127.0.0.1:8765", "http://[::1]:1", "https://localhost", "https://hinomi.example:8765",
    "https://localhost.example"].map(isLoopback), [true, true, true, false, false]);
  assert.equal(word("arn:aws:secretsmanager:eu-west-1:1:secret:a/b-C"), "arn:aws:secretsmanager:eu-west-1:1:secret:a/b-C");
  assert.equal(word("a b"), "'a b'");
  assert.equal(word(""), "''");
  const of = { launch: "FARGATE" as const, url: "https://h:1", ca: null, secret: "x", image: 'a"b' };
  const task = JSON.parse(taskDefinition(of));
  assert.equal(task.containerDefinitions[1].image, 'a"b');
  assert.equal(task.containerDefinitions[2].environment.length, 3);
  assert.deepEqual(task.containerDefinitions[0].mountPoints, [
    { sourceVolume: "hinomi", containerPath: "/hinomi", readOnly: true }]);
  assert.equal(json({ a: ["x ]", "[ y"], b: { c: 1 } }), '{ "a": ["x ]", "[ y"], "b": { "c": 1 } }');
  assert.equal(json([1, { a: "x".repeat(100) }]), `[\n  1,\n  {\n    "a": "${"x".repeat(100)}"\n  }\n]`);
  assert.match(instrumentCommand(of), /^hinomi instrument \\\n {4}--agent-image 'a"b' /);
  assert.match(deployCommand({ ...of, ca: "ab" }), /--server-ca ab /);
});
