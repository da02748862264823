// What the audit log screen asks for, as the address has it, and where an entry's object can be looked at.
import { place } from "./router";

export const RESULTS = ["any", "ok", "refused", "failed"] as const;
export type Result = (typeof RESULTS)[number];
export const TIMES = ["all", "1h", "24h", "7d", "30d"] as const;
export type AuditTime = (typeof TIMES)[number];
const HOURS: Record<AuditTime, number> = { all: 0, "1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24 };

/** First words of actions: each finds all that begin with it. */
export const AREAS = ["any", "session", "user", "token", "enrolment", "agent", "finding", "findings", "filter", "suppression",
  "exception", "notification_channel", "notification_rule", "notification", "request", "audit"] as const;
export type Area = (typeof AREAS)[number];

export interface AuditView {
  actor: string;
  action: string;
  object: string;
  result: Result;
  time: AuditTime;
  cursor: string | undefined;
}

function oneOf<T extends string>(all: readonly T[], wanted: string | null, otherwise: T): T {
  return all.find((one) => one === wanted) ?? otherwise;
}

export function readAudit(query = place.value.query): AuditView {
  return {
    actor: query.get("actor") ?? "", action: query.get("action") ?? "", object: query.get("object") ?? "",
    result: oneOf(RESULTS, query.get("result"), "any"), time: oneOf(TIMES, query.get("time"), "all"),
    cursor: query.get("cursor") ?? undefined,
  };
}

export function auditQuery(view: AuditView, now: number) {
  const hours = HOURS[view.time];
  return {
    actor: view.actor || undefined, action: view.action || undefined, object: view.object || undefined,
    result: view.result === "any" ? undefined : view.result,
    from_ms: hours ? now - hours * 3_600_000 : undefined,
  };
}

export function exportUrl(view: AuditView, format: "csv" | "ndjson", now: number): string {
  const query = new URLSearchParams({ format });
  for (const [name, value] of Object.entries(auditQuery(view, now))) {
    if (value !== undefined) query.set(name, String(value));
  }
  return `/v1/audit/export?${query}`;
}

const SCREENS = new Map<string, (name: string) => string>([
  ["finding", (id) => `/findings/${encodeURIComponent(id)}`],
  ["user", (name) => `/settings/users?open=${encodeURIComponent(name)}`],
  ["suppression", (id) => `/settings/suppressions?open=${encodeURIComponent(id)}`],
  ["notification_channel", (id) => `/settings/notifications?open=${encodeURIComponent(id)}`],
  ["notification_rule", (id) => `/settings/notifications?part=rules&open=${encodeURIComponent(id)}`],
  ["notification", () => "/settings/notifications?part=log"],
  ["exception", (id) => `/settings/exceptions?show=all&open=${encodeURIComponent(id)}`],
]);

/** "finding:ab12" and "/v1/lists/name/append" → the screen of it; null: there is none. */
export function screenOf(object: string): string | null {
  const content = /^\/v1\/(lists|rules|policies)\/([^/]+)/.exec(object);
  if (content) return `/${content[1]}/${content[2]}`;
  const at = object.indexOf(":");
  const screen = at > 0 ? SCREENS.get(object.slice(0, at)) : undefined;
  const name = object.slice(at + 1);
  return screen && name ? screen(name) : null;
}
