// The library of rules: what is asked for in the address, and which rules that are.
import type { Band } from "../ui/parts";
import type { Item } from "./content";
import { place } from "./router";

export const ORIGINS = ["managed", "own", "overridden"] as const;
export const STATES = ["on", "off"] as const;
export const CHANGED = ["7d", "30d", "ever"] as const;
export const SORTS = ["name", "-severity", "-changed"] as const;
export type Sort = (typeof SORTS)[number];

const DAY_MS = 86_400_000;
const WITHIN: Record<(typeof CHANGED)[number], number> = { "7d": 7 * DAY_MS, "30d": 30 * DAY_MS, ever: Infinity };
/** As the server's filter language has them. */
const BANDS: ReadonlyArray<readonly [number, Band]> = [[9, "critical"], [7, "high"], [4, "medium"], [1, "low"], [0, "info"]];

export interface Library {
  text: string;
  origin: (typeof ORIGINS)[number] | undefined;
  policy: string | undefined;
  state: (typeof STATES)[number] | undefined;
  severity: Band | undefined;
  tag: string | undefined;
  changed: (typeof CHANGED)[number] | undefined;
  sort: Sort;
}

export function bandOf(score: number): Band {
  return BANDS.find(([least]) => score >= least)?.[1] ?? "info";
}

function oneOf<T extends string>(all: readonly T[], wanted: string | null): T | undefined {
  return all.find((one) => one === wanted);
}

export function readLibrary(query = place.value.query): Library {
  return {
    text: query.get("q") ?? "",
    origin: oneOf(ORIGINS, query.get("origin")),
    policy: query.get("policy") ?? undefined,
    state: oneOf(STATES, query.get("enabled")),
    severity: oneOf(["critical", "high", "medium", "low", "info"] as const, query.get("severity")),
    tag: query.get("tag") ?? undefined,
    changed: oneOf(CHANGED, query.get("changed")),
    sort: oneOf(SORTS, query.get("sort")) ?? "name",
  };
}

export function isNarrowed(library: Library): boolean {
  const { sort, ...rest } = library;
  return Object.values(rest).some((value) => value !== undefined && value !== "");
}

function hasWords(rule: Item, text: string): boolean {
  const within = [rule.name, rule.title ?? "", rule.description ?? "", rule.condition ?? "", ...(rule.tags ?? [])]
    .join("\n").toLowerCase();
  return text.toLowerCase().split(/\s+/).every((word) => within.includes(word));
}

function isOf(rule: Item, origin: Library["origin"]): boolean {
  return origin === undefined || (origin === "overridden" ? rule.overridden : rule.origin === origin);
}

function isChanged(rule: Item, within: Library["changed"], now: number): boolean {
  return within === undefined || (!!rule.changed && now - rule.changed.time_ms <= WITHIN[within]);
}

export function fits(rule: Item, wanted: Library, now: number): boolean {
  return hasWords(rule, wanted.text) && isOf(rule, wanted.origin) && isChanged(rule, wanted.changed, now) &&
    (wanted.policy === undefined || (rule.policies ?? []).includes(wanted.policy)) &&
    (wanted.state === undefined || (rule.enabled === true) === (wanted.state === "on")) &&
    (wanted.severity === undefined || bandOf(rule.severity ?? 0) === wanted.severity) &&
    (wanted.tag === undefined || (rule.tags ?? []).includes(wanted.tag));
}

const ORDER: Record<Sort, (a: Item, b: Item) => number> = {
  name: (a, b) => a.name.localeCompare(b.name),
  "-severity": (a, b) => (b.severity ?? 0) - (a.severity ?? 0) || a.name.localeCompare(b.name),
  "-changed": (a, b) => (b.changed?.time_ms ?? 0) - (a.changed?.time_ms ?? 0) || a.name.localeCompare(b.name),
};

export function choose(rules: readonly Item[], wanted: Library, now: number): Item[] {
  return rules.filter((rule) => fits(rule, wanted, now)).sort(ORDER[wanted.sort]);
}

/** What there is to choose from, the most frequent first. */
export function counted(values: ReadonlyArray<readonly string[]>): Array<[string, number]> {
  const counts = new Map<string, number>();
  for (const some of values) for (const one of some) counts.set(one, (counts.get(one) ?? 0) + 1);
  return [...counts].sort(([a, n], [b, m]) => m - n || a.localeCompare(b));
}
