// Activity: the place in the address, what the server is asked, and what of a record says what happened.
import type { Activity } from "../generated/schemas";
import { quote } from "./filter";
import { place } from "./router";

export const KINDS = ["exec", "connect", "dns", "write"] as const;
export type Kind = (typeof KINDS)[number];
export const SPANS = ["15m", "1h", "6h", "24h", "7d"] as const;
export type Span = (typeof SPANS)[number];
export type Item = Activity["items"][number];

const MINUTE_MS = 60_000;
const LENGTHS: Record<Span, number> = { "15m": 15 * MINUTE_MS, "1h": 60 * MINUTE_MS, "6h": 360 * MINUTE_MS,
  "24h": 1440 * MINUTE_MS, "7d": 7 * 1440 * MINUTE_MS };

export interface View {
  span: Span;
  kind: Kind | undefined;
  filter: string;
  /** Chosen in the histogram; without it the time up to now. */
  from: number | undefined;
  to: number | undefined;
  cursor: string | undefined;
}

function moment(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

export function readView(query = place.value.query): View {
  const from = moment(query.get("from"));
  const to = moment(query.get("to"));
  const whole = from !== undefined && to !== undefined && from < to;
  return {
    span: SPANS.find((span) => span === query.get("time")) ?? "24h",
    kind: KINDS.find((kind) => kind === query.get("kind")),
    filter: query.get("filter") ?? "",
    from: whole ? from : undefined,
    to: whole ? to : undefined,
    cursor: query.get("cursor") ?? undefined,
  };
}

const WIDTHS = [1, 5, 15, 60, 300, 900, 1800, 3600, 10_800, 21_600, 86_400].map((seconds) => seconds * 1000);
const BARS = 80;

export interface Times { from: number; to: number; width: number }

/** The times that the server is asked for, in whole bars; `now`: when the reader asked. */
export function timesOf(view: View, now: number): Times {
  const whole = view.from !== undefined && view.to !== undefined;
  const from = whole ? view.from ?? 0 : now - LENGTHS[view.span];
  const to = whole ? view.to ?? 0 : now;
  const width = WIDTHS.find((one) => (to - from) / one <= BARS) ?? Math.ceil((to - from) / BARS);
  if (whole) return { from, to, width };
  return { from: Math.floor(from / width) * width, to: Math.ceil(to / width) * width, width };
}

export function filterOf(view: View): string {
  const parts = [view.kind ? `kind = ${view.kind}` : "", view.filter.trim()].filter(Boolean);
  return parts.length > 1 ? `${parts[0] ?? ""} and (${parts[1] ?? ""})` : parts.join("");
}

/** A condition joined to those that there are. */
export function joined(filter: string, field: string, value: string, not: boolean): string {
  const condition = `${field} ${not ? "!=" : "="} ${quote(value)}`;
  return filter.trim() ? `${filter.trim()} and ${condition}` : condition;
}

export function field(item: Item, name: string): string | null {
  const value = item.fields[name];
  return typeof value === "string" && value !== "" ? value
    : typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

/** What was started, connected to, asked for or written. */
export function objectOf(item: Item): { name: string; value: string } | null {
  const names: Record<Kind, readonly string[]> = {
    exec: ["proc.cmdline", "proc.exepath", "proc.name"], connect: ["fd.name", "fd.sip"],
    dns: ["dns.question.name"], write: ["fd.name"],
  };
  for (const name of names[item.kind]) {
    const value = field(item, name);
    if (value) return { name, value };
  }
  return null;
}
