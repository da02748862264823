// Sizes and spans of time, short: "1.4 GB", "3 h 12 min".
import { language } from "./i18n";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;

export function bytes(value: number): string {
  const step = value < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(value) / 3));
  const shown = value / 1000 ** step;
  return new Intl.NumberFormat(language.value, {
    style: "unit", unit: UNITS[step] ?? "byte", unitDisplay: step === 0 ? "long" : "short",
    maximumFractionDigits: step === 0 || shown >= 100 ? 0 : 1,
  }).format(shown);
}

const PARTS = [["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]] as const;

/** The two largest units that count. */
export function span(ms: number): string {
  const first = Math.max(0, PARTS.findIndex(([, size]) => ms >= size));
  const from = ms < 1000 ? PARTS.length - 1 : first;
  let rest = Math.max(0, ms);
  return PARTS.slice(from, from + 2).map(([unit, size]) => {
    const value = Math.floor(rest / size);
    rest -= value * size;
    return { unit, value };
  }).filter(({ value }, i) => i === 0 || value > 0)
    .map(({ unit, value }) => new Intl.NumberFormat(language.value, { style: "unit", unit, unitDisplay: "short" }).format(value))
    .join(" ");
}

/** How many a second, between two readings of a counter; null: the counter began anew, or no time has passed. */
export function rate(from: { at: number; value: number }, to: { at: number; value: number }): number | null {
  const seconds = (to.at - from.at) / 1000;
  return seconds > 0 && to.value >= from.value ? (to.value - from.value) / seconds : null;
}
