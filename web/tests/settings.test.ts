import assert from "node:assert/strict";
import { test } from "node:test";
import { auditQuery, exportUrl, readAudit, screenOf } from "../src/core/audit";
import { ahead, DAY, endOf, endOfDay } from "../src/core/expiry";
import { parseLabels } from "../src/core/labels";
import { programName } from "../src/core/program";
import { addReading, KEPT, points, ratesOf, type Reading } from "../src/core/rates";
import { newPassword } from "../src/core/secret";
import { bytes, rate, span } from "../src/core/size";

test("ends of spans and days", () => {
  assert.equal(endOf("7d", 1000), 1000 + 7 * DAY);
  assert.equal(endOf("never", 1000), null);
  assert.equal(new Date(endOfDay("2026-11-30") ?? 0).getDate(), 30);
  for (const bad of ["", "2026-02-30", "2026-13-01", "tomorrow", "2026-1-1"]) assert.equal(endOfDay(bad), null, bad);
});

test("what is ahead is told in one unit, and never as past", () => {
  assert.equal(ahead(90 * DAY - 5, 0), "in 90 days");
  assert.equal(ahead(2 * 3_600_000, 0), "in 2 hr.");
  assert.equal(ahead(60_001, 0), "in 1 min.");
  assert.equal(ahead(-5, 0), "in 1 min.");
});

test("sizes and spans", () => {
  assert.equal(bytes(0), "0 bytes");
  assert.equal(bytes(999), "999 bytes");
  assert.equal(bytes(1000), "1 kB");
  assert.equal(bytes(1_440_000), "1.4 MB");
  assert.equal(bytes(271_000_000_000), "271 GB");
  assert.equal(span(0), "0 sec");
  assert.equal(span(59_999), "59 sec");
  assert.equal(span(3_600_000), "1 hr");
  assert.equal(span(DAY + 2 * 3_600_000 + 5), "1 day 2 hr");
});

test("rates are of counters that grow", () => {
  assert.equal(rate({ at: 0, value: 10 }, { at: 2000, value: 30 }), 10);
  assert.equal(rate({ at: 0, value: 10 }, { at: 0, value: 30 }), null);
  assert.equal(rate({ at: 0, value: 10 }, { at: 1000, value: 3 }), null);
});

test("readings are few, and begin anew with the server", () => {
  let all: Reading[] = [];
  for (let i = 0; i < KEPT + 5; i++) all = addReading(all, { at: i * 1000, values: { a: i * 3 } });
  assert.equal(all.length, KEPT);
  assert.deepEqual(ratesOf(all, "a"), Array.from({ length: KEPT - 1 }, () => 3));
  assert.equal(addReading(all, { at: 1e6, values: { a: 0 } }).length, 1);
  assert.deepEqual(ratesOf(all.slice(0, 1), "a"), []);
  assert.equal(points([1], 10, 10), "");
  assert.equal(points([0, 1, 2], 10, 10), "0.0,10.0 5.0,5.0 10.0,0.0");
  assert.equal(points([0, 0], 10, 10), "0.0,10.0 10.0,10.0");
});

test("passwords are long, and use every random byte", () => {
  assert.equal(newPassword((into) => into.fill(0)), "aaaaa-aaaaa-aaaaa-aaaaa");
  assert.equal(newPassword((into) => into.fill(255)), "99999-99999-99999-99999");
  assert.notEqual(newPassword(), newPassword());
});

test("labels are lines of name=value", () => {
  assert.deepEqual(parseLabels(" team = payments \n\ntier=1=2\n"), { labels: { team: "payments", tier: "1=2" } });
  assert.equal(parseLabels("team").wrong, "team");
  assert.equal(parseLabels("=x").wrong, "=x");
  assert.deepEqual(parseLabels(""), { labels: {} });
});

test("programs are named as far as they say so", () => {
  assert.equal(programName("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox 140 · Linux");
  assert.equal(programName("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
    "Version/18.1 Safari/605.1.15"), "Safari 18 · macOS");
  assert.equal(programName("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36 Edg/156.0.0.0"),
    "Edge 156 · Windows");
  assert.equal(programName("curl/8.1.2"), "curl 8.1.2");
  assert.equal(programName("<script>"), null);
  assert.equal(programName(""), null);
});

test("the audit log is asked for what the address has", () => {
  const view = readAudit(new URLSearchParams("actor=a%26b&action=user&result=refused&time=1h"));
  assert.deepEqual(auditQuery(view, 3_600_001),
    { actor: "a&b", action: "user", object: undefined, result: "refused", from_ms: 1 });
  assert.equal(exportUrl(view, "csv", 3_600_001), "/v1/audit/export?format=csv&actor=a%26b&action=user&result=refused&from_ms=1");
  assert.equal(readAudit(new URLSearchParams("result=x&time=y")).result, "any");
});

test("objects of the log lead to their screens, and nowhere else", () => {
  assert.equal(screenOf("finding:ab/../c"), "/findings/ab%2F..%2Fc");
  assert.equal(screenOf("user:a b"), "/settings/users?open=a%20b");
  assert.equal(screenOf("/v1/lists/malicious_filenames/append"), "/lists/malicious_filenames");
  for (const other of ["", "token:x", "user:", "javascript:alert(1)", "/v1/backup", "//evil",
    "constructor:x", "__proto__:x"]) {
    assert.equal(screenOf(other), null, other);
  }
});
