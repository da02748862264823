// What happened around a finding, from activity and alerts, in one order of time.
import { outputOf, timeOf } from "./alert";
import { allFields, asText, containerOf } from "./evidence";
import { quote } from "./filter";
import type { Activity, Finding } from "../generated/schemas";

export const KINDS = ["alert", "exec", "write", "connect", "dns"] as const;
export type Kind = (typeof KINDS)[number];

export interface Neighbour {
  ms: number;
  kind: Kind;
  /** The program, and who started it. */
  proc: string;
  parent: string;
  /** The command, path, address or name. */
  what: string;
  pid: number | null;
  /** Of an alert. */
  rule: string;
  /** An alert that this finding may consist of. */
  own: boolean;
}

function ofActivity(item: Activity["items"][number]): Neighbour {
  const fields = item.fields as Record<string, unknown>;
  const object = item.kind === "exec" ? asText(fields["proc.cmdline"]) || asText(fields["proc.exepath"])
    : item.kind === "dns" ? asText(fields["dns.question.name"]) : asText(fields["fd.name"]);
  const pid = fields["proc.pid"];
  return {
    ms: item.time_ms, kind: item.kind, proc: asText(fields["proc.name"]), parent: asText(fields["proc.pname"]), what: object,
    pid: typeof pid === "number" ? pid : null, rule: "", own: false,
  };
}

function ofAlert(alert: unknown, finding: Finding): Neighbour | null {
  const ms = timeOf(alert);
  if (ms === null || (finding.container_id && containerOf(alert) !== finding.container_id)) return null;
  const fields = allFields(alert);
  const rule = asText((alert as Record<string, unknown>).rule);
  const pid = fields["proc.pid"];
  return {
    ms, kind: "alert", proc: asText(fields["proc.name"]), parent: asText(fields["proc.pname"]), what: outputOf(alert),
    pid: typeof pid === "number" ? pid : null, rule, own: rule === finding.rule,
  };
}

/** Oldest first. */
export function neighbours(activity: Activity["items"], alerts: unknown[], finding: Finding): Neighbour[] {
  return [...activity.map(ofActivity), ...alerts.map((alert) => ofAlert(alert, finding))]
    .filter((one): one is Neighbour => one !== null).sort((a, b) => a.ms - b.ms);
}

/** Of what the finding is in: its container, or the host outside of containers. */
export function placeFilter(finding: Finding): string {
  const agent = `agent = ${quote(finding.agent)}`;
  return finding.container_id
    ? `${agent} and container.id = ${quote(finding.container_id)}` : `${agent} and not container.id exists`;
}

/** "+1.3 s", "−2 min": from the finding's moment. */
export function offsetOf(ms: number, center: number): { sign: string; amount: number; unit: "ms" | "s" | "min" | "h" } {
  const far = Math.abs(ms - center);
  const sign = ms < center ? "−" : "+";
  if (far < 1000) return { sign, amount: far, unit: "ms" };
  if (far < 60_000) return { sign, amount: Math.round(far / 100) / 10, unit: "s" };
  if (far < 3_600_000) return { sign, amount: Math.round(far / 6000) / 10, unit: "min" };
  return { sign, amount: Math.round(far / 360_000) / 10, unit: "h" };
}
