// The overview's times, questions and links, apart from how they are shown.
import { choiceText, type Choice } from "./filter";

export const SPANS = ["24h", "7d", "30d"] as const;
export type Span = (typeof SPANS)[number];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Another visit begins after so long without one. */
const VISIT_MS = HOUR_MS / 2;
const SHAPES: Record<Span, { count: number; width: number }> = {
  "24h": { count: 24, width: HOUR_MS },
  "7d": { count: 28, width: 6 * HOUR_MS },
  "30d": { count: 30, width: DAY_MS },
};

export interface Window { from: number; to: number; width: number; count: number }

/** Buckets that end with the one that now is in, cut where hours and days of the reader begin. */
export function windowOf(span: Span, now: number, offsetMs = 0): Window {
  const { count, width } = SHAPES[span];
  const to = Math.floor((now + offsetMs) / width) * width - offsetMs + width;
  return { from: to - count * width, to, width, count };
}

/** All that was found, but for what is suppressed. */
export const NOT_SUPPRESSED = "status != suppressed";
export const OPEN = "status in (new, acknowledged)";

export function findingsUrl(query: Record<string, string>, choices: Choice[] = []): string {
  const params = new URLSearchParams(query);
  for (const choice of choices) params.append("is", choiceText(choice));
  return `/findings?${params.toString()}`;
}

export const seen: Choice = { field: "status", value: "suppressed", not: true };

export function is(field: string, value: string | null): Choice {
  return { field, value, not: false };
}

export interface Visit { last: number | null; now: number }

/** The visit that `now` belongs to: one that goes on keeps when the one before it ended. */
export function visitOf(kept: string | null, now: number): Visit {
  const [last = Number.NaN, at = Number.NaN] = (kept ?? "").split(" ").map(Number);
  if (!Number.isFinite(at) || at <= 0 || at > now) return { last: null, now };
  const before = Number.isFinite(last) && last > 0 ? last : null;
  return { last: now - at > VISIT_MS ? at : before, now };
}

export function visitText(visit: Visit): string {
  return `${visit.last ?? 0} ${visit.now}`;
}

/** The number at the top of a scale: whole, and divided well. */
export function topOf(most: number): number {
  if (most <= 4) return 4;
  const unit = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 10].map((n) => n * unit).find((n) => n >= most && n % 2 === 0) ?? 10 * unit;
}
