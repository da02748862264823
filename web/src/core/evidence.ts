// What an alert says beside its rule: its fields by what they are about, the matching item within a value, and
// activity around it. All of it was written elsewhere: nothing is taken for granted.
import type { Evidence } from "./alert";
import type { Started } from "./forest";

export const GROUPS = ["process", "file", "network", "dns", "user", "container", "other"] as const;
export type Group = (typeof GROUPS)[number];
export type Field = readonly [name: string, value: string];

const OF: ReadonlyArray<readonly [RegExp, Group]> = [
  [/^(proc|thread)\./, "process"], [/^dns\./, "dns"],
  [/^fd\.([sclr]ip|[sclr]port|l4proto|connected|is_server|net|[sclr]proto)\b/, "network"],
  [/^(fd|fs|evt\.arg)\b/, "file"], [/^(user|group)\./, "user"], [/^(container|ecs|k8s|aws)\./, "container"],
];

export function asText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function groupOf(name: string, fields: Record<string, unknown>): Group {
  if (name === "fd.name" && ("fd.sip" in fields || /^\S+:\d+->/.test(asText(fields[name])))) return "network";
  return OF.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

/** Fields that say something, by group, in the alert's order. */
export function groupsOf(fields: Record<string, unknown>): Array<readonly [Group, Field[]]> {
  const groups = new Map<Group, Field[]>(GROUPS.map((group) => [group, []]));
  for (const [name, value] of Object.entries(fields)) {
    const text = asText(value);
    if (text !== "" && text !== "<NA>") groups.get(groupOf(name, fields))?.push([name, text]);
  }
  return GROUPS.map((group) => [group, groups.get(group) ?? []] as const).filter(([, list]) => list.length > 0);
}

export interface Cut { text: string; hit: boolean }

/** The value taken apart where the item is in it; the last place, since names end paths and domains. */
export function cutAt(value: string, item: string): Cut[] {
  const wanted = item.replace(/^[.*]+/, "").toLowerCase();
  const at = wanted === "" ? -1 : value.toLowerCase().lastIndexOf(wanted);
  if (at < 0 || value.toLowerCase().length !== value.length) return [{ text: value, hit: false }];
  return [
    { text: value.slice(0, at), hit: false }, { text: value.slice(at, at + wanted.length), hit: true },
    { text: value.slice(at + wanted.length), hit: false },
  ].filter((cut) => cut.text !== "");
}

const KIN: Record<string, string[]> = {
  "fd.filename": ["fd.name", "fs.path.name", "fs.path.target"], "fd.directory": ["fd.name"], "dns.question.name": ["fd.sip.name"],
};

/** Where the item was found: the field's own value, or that of one which contains it. */
export function placeOf(evidence: Evidence, fields: Record<string, unknown>): Field | null {
  const own = asText(fields[evidence.field]);
  if (own !== "") return [evidence.field, own];
  for (const kin of KIN[evidence.field] ?? []) {
    const text = asText(fields[kin]);
    if (cutAt(text, evidence.item).some((cut) => cut.hit)) return [kin, text];
  }
  const holder = Object.entries(fields).map(([name, value]) => [name, asText(value)] as const)
    .find(([, text]) => cutAt(text, evidence.item).some((cut) => cut.hit));
  return holder ?? null;
}

function numberIn(value: unknown): number | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

/** A program's start, as a record of activity tells it. */
export function startedOf(fields: Record<string, unknown>, timeMs: number): Started | null {
  const pid = numberIn(fields["proc.pid"]);
  const ppid = numberIn(fields["proc.ppid"]);
  if (pid === null || ppid === null) return null;
  return {
    pid, ppid, name: asText(fields["proc.name"]), exe: asText(fields["proc.exepath"]), args: asText(fields["proc.args"]),
    start: Number.isFinite(timeMs) && Math.abs(timeMs) < 8e15 ? new Date(timeMs).toISOString() : null,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function member(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined;
}

const DNS: ReadonlyArray<readonly [string, string]> = [
  ["question", "dns.question.name"], ["type", "dns.question.type"], ["answers", "dns.answers"], ["rcode", "dns.rcode"],
  ["name", "fd.sip.name"],
];

/** The alert's output fields, and what it tells of names beside them. */
export function allFields(alert: unknown): Record<string, unknown> {
  const own = member(alert, "output_fields");
  const fields: Record<string, unknown> = isRecord(own) ? { ...own } : {};
  const dns = member(member(alert, "hinomi"), "dns");
  for (const [from, to] of DNS) {
    const value = member(dns, from);
    if (value !== undefined && value !== null && fields[to] === undefined) fields[to] = value;
  }
  return fields;
}

export function outcomeOf(alert: unknown): string {
  return asText(member(member(alert, "hinomi"), "outcome"));
}

export function containerOf(alert: unknown): string {
  return asText(member(member(member(alert, "hinomi"), "container"), "id")) ||
    asText(member(member(alert, "output_fields"), "container.id"));
}

export function isPrivileged(alert: unknown): boolean {
  return member(member(member(alert, "hinomi"), "container"), "privileged") === true;
}
