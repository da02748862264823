// A policy as it is edited: what the server says of it, what changed, and the YAML that is saved.
import type { Policy } from "../generated/schemas";

export const ACTIONS = ["deny", "kill", "stop", "pause", "capture"] as const;
export type Action = (typeof ACTIONS)[number];
/** What reaches into a running application; the others only look. */
export const HARSH: readonly Action[] = ["deny", "kill", "stop", "pause"];

/** severity: its own in this policy; else the policy's, or that of its priority. */
export interface PolicyRule { name: string; enabled: boolean; actions: Action[]; severity?: number }

export interface Draft {
  name: string;
  enabled: boolean;
  scope: string;
  /** null: by the priority of each rule. */
  severity: number | null;
  rules: PolicyRule[];
  channels: string[];
}

export function isAction(text: string): text is Action {
  return (ACTIONS as readonly string[]).includes(text);
}

export function draftOf(policy: Policy): Draft {
  return {
    name: policy.name, enabled: policy.enabled, scope: policy.scope ?? "", severity: policy.severity ?? null,
    channels: [...(policy.channels ?? [])],
    rules: policy.rules.map(({ name, enabled, actions, severity }) => (
      { name, enabled, actions: actions.filter(isAction), ...(severity === undefined ? {} : { severity }) })),
  };
}

/** Plain where YAML 1.1 cannot take it for anything but this text, else in quotes. */
export function scalar(text: string): string {
  const plain = /^[A-Za-z_/][\w ./-]*$/.test(text) && !text.endsWith(" ") &&
    !/^(y|n|yes|no|on|off|true|false|null)$/i.test(text);
  if (plain) return text;
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function ruleLines(rule: PolicyRule): string {
  return `    - name: ${scalar(rule.name)}\n` +
    (rule.enabled ? "" : "      enabled: false\n") +
    (rule.severity === undefined ? "" : `      severity: ${rule.severity.toFixed(1)}\n`) +
    (rule.actions.length > 0 ? `      actions: [${ACTIONS.filter((a) => rule.actions.includes(a)).join(", ")}]\n` : "");
}

/** The policy as a file of one. */
export function yamlOf(draft: Draft): string {
  const scope = draft.scope.trim();
  return `- policy: ${scalar(draft.name)}\n  enabled: ${draft.enabled}\n` +
    (scope ? `  scope: ${scalar(scope)}\n` : "") +
    (draft.severity === null ? "" : `  severity: ${draft.severity.toFixed(1)}\n`) +
    (draft.rules.length > 0 ? `  rules:\n${draft.rules.map(ruleLines).join("")}` : "  rules: []\n") +
    (draft.channels.length > 0 ? `  channels: [${draft.channels.map(scalar).join(", ")}]\n` : "");
}

export type Change =
  | { what: "severity"; from: number | null; to: number | null }
  | { what: "scope"; from: string; to: string }
  | { what: "channels"; from: string; to: string }
  | { what: "added" | "removed" | "on" | "off"; rule: string }
  | { what: "actions"; rule: string; from: Action[]; to: Action[] };

function ruleChanges(before: Draft, after: Draft): Change[] {
  const old = new Map(before.rules.map((rule) => [rule.name, rule]));
  const kept = new Set(after.rules.map((rule) => rule.name));
  const changes: Change[] = [];
  for (const rule of after.rules) {
    const was = old.get(rule.name);
    if (!was) changes.push({ what: "added", rule: rule.name });
    if ((was?.enabled ?? true) !== rule.enabled) changes.push({ what: rule.enabled ? "on" : "off", rule: rule.name });
    const from = was?.actions ?? [];
    if (ACTIONS.some((action) => from.includes(action) !== rule.actions.includes(action))) {
      changes.push({ what: "actions", rule: rule.name, from, to: rule.actions });
    }
  }
  for (const rule of before.rules) if (!kept.has(rule.name)) changes.push({ what: "removed", rule: rule.name });
  return changes;
}

/** What saving would change, in the order of the screen. */
export function changesOf(before: Draft, after: Draft): Change[] {
  const changes: Change[] = [];
  if (before.severity !== after.severity) changes.push({ what: "severity", from: before.severity, to: after.severity });
  if (before.scope.trim() !== after.scope.trim()) {
    changes.push({ what: "scope", from: before.scope.trim(), to: after.scope.trim() });
  }
  if (before.channels.join("\n") !== after.channels.join("\n")) {
    changes.push({ what: "channels", from: before.channels.join(", "), to: after.channels.join(", ") });
  }
  return [...changes, ...ruleChanges(before, after)];
}

/** "8.5" → 8.5; undefined: no severity. */
export function severityOf(text: string): number | undefined {
  if (!/^\d{1,2}(\.\d)?$/.test(text.trim())) return undefined;
  const value = Number(text);
  return value <= 10 ? value : undefined;
}

export function bandOf(score: number): "info" | "low" | "medium" | "high" | "critical" {
  return score >= 9 ? "critical" : score >= 7 ? "high" : score >= 4 ? "medium" : score >= 1 ? "low" : "info";
}
