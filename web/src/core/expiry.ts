// Spans of time that people choose when something is to end, and how much is left.
import { language } from "./i18n";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** Choices of an end, by name; null: never. */
export const SPANS = { "1h": HOUR, "1d": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY,
  "1y": 365 * DAY, never: null } as const;
export type Span = keyof typeof SPANS;

export function endOf(span: Span, from = Date.now()): number | null {
  const length = SPANS[span];
  return length === null ? null : from + length;
}

/** The end of a day of a date field ("2026-11-30"), in the reader's own time; null: not a date. */
export function endOfDay(text: string): number | null {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text);
  if (!found) return null;
  const [year, month, day] = [Number(found[1]), Number(found[2]), Number(found[3])];
  const date = new Date(year, month - 1, day, 23, 59, 59);
  return date.getMonth() === month - 1 && date.getDate() === day ? date.getTime() : null;
}

const UNITS: ReadonlyArray<readonly [Intl.RelativeTimeFormatUnit, number]> = [
  ["day", DAY], ["hour", HOUR], ["minute", MINUTE],
];

/** "in 3 days"; less than a minute counts as one. */
export function ahead(ms: number, now: number): string {
  const left = Math.max(MINUTE, ms - now);
  const [unit, size] = UNITS.find(([, length]) => left >= length) ?? ["minute", MINUTE];
  return new Intl.RelativeTimeFormat(language.value, { numeric: "always", style: "short" }).format(Math.round(left / size), unit);
}
