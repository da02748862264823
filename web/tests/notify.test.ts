// Pure parts of the notifications: forms of channels, severities within a filter, throttles.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  configOf, filterOf, isMoved, KINDS, lacking, PARTS, secretsOf, unitOf, valuesOf, wantedOf, type Channel,
} from "../src/core/notify";

const channel: Channel = {
  id: 1, name: "on call", kind: "email", enabled: true, language: "ja", target: "a@b.example", author: "admin",
  config: { host: "relay.example", from: "h@b.example", to: ["a@b.example", "c@b.example"], port: 587, user: "h" },
  secrets: ["password"], created_ms: 1, updated_ms: 1, queued: 0, dead: 0, delivered_ms: null, failed_ms: null, error: null,
};

test("a form is the config that it came from, and nothing that was left empty", () => {
  const values = valuesOf(channel);
  assert.equal(values.to, "a@b.example\nc@b.example");
  assert.deepEqual(configOf("email", values), channel.config);
  assert.deepEqual(configOf("email", { ...values, port: " ", user: "", to: " x@y.example, z@y.example;\n" }),
    { host: "relay.example", from: "h@b.example", to: ["x@y.example", "z@y.example"] });
  assert.deepEqual(configOf("slack", { url: "https://hooks.example/x" }), {});
});

test("secrets are sent when they were written, or are to go", () => {
  assert.deepEqual(secretsOf("email", { password: "" }), {});
  assert.deepEqual(secretsOf("email", { password: "p" }), { password: "p" });
  assert.deepEqual(secretsOf("webhook", { secret: "s" }, ["authorization"]), { secret: "s", authorization: null });
  assert.deepEqual(secretsOf("webhook", { authorization: "new" }, ["authorization"]), { authorization: "new" });
});

test("what is needed is asked for, and anew when messages go elsewhere", () => {
  assert.deepEqual(lacking("email", {}), ["to", "from", "host"]);
  assert.deepEqual(lacking("slack", {}), ["url"]);
  assert.deepEqual(lacking("slack", {}, ["url"]), []);
  const values = valuesOf(channel);
  assert.equal(isMoved(channel, values), false);
  assert.equal(isMoved(channel, { ...values, to: "other@b.example" }), false);
  assert.equal(isMoved(channel, { ...values, host: "elsewhere.example" }), true);
  for (const kind of KINDS) assert.equal(new Set(PARTS[kind].map(({ name }) => name)).size, PARTS[kind].length);
});

test("severities are taken out of a filter, and put back as they were", () => {
  for (const filter of ["", "severity in (critical, high)", 'severity in (low) and (cluster = "a)" or x)', "severity >= 7.0",
    'ecs.cluster = "shop"', "severity in (high) and (a) or (b)", "severity in (9.0)", "severity in (high) and (a"]) {
    assert.equal(filterOf(wantedOf(filter)), filter, filter);
  }
  assert.deepEqual(wantedOf('severity in (critical, high) and (ecs.cluster = "shop")'),
    { bands: ["critical", "high"], rest: 'ecs.cluster = "shop"' });
  assert.deepEqual(wantedOf("severity in (high) and (a) or (b)"), { bands: [], rest: "severity in (high) and (a) or (b)" });
  assert.equal(filterOf({ bands: ["info", "low", "medium", "high", "critical"], rest: " a " }), "a");
  assert.equal(filterOf({ bands: ["low", "critical"], rest: "" }), "severity in (critical, low)");
});

test("a throttle is said in the largest unit that is exact", () => {
  assert.deepEqual([1, 60, 90, 3600, 5400, 86_400, 604_800].map((s) => { const u = unitOf(s); return `${u.count} ${u.unit}`; }),
    ["1 second", "1 minute", "90 second", "1 hour", "90 minute", "1 day", "7 day"]);
});
