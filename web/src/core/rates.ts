// Readings of counters over time: how fast they grow, for a line of the last minutes.
import { rate } from "./size";

export interface Reading { at: number; values: Record<string, number> }

export const KEPT = 60;

/** The newest last; what is older than KEPT readings is forgotten, and all of it when a counter began anew. */
export function addReading(old: Reading[], reading: Reading): Reading[] {
  const last = old[old.length - 1];
  const anew = last && Object.entries(reading.values).some(([name, value]) => value < (last.values[name] ?? 0));
  return [...(anew ? [] : old), reading].slice(-KEPT);
}

/** A second, between neighbours; one fewer than there are readings. */
export function ratesOf(readings: Reading[], name: string): number[] {
  return readings.slice(1).map((reading, i) => {
    const before = readings[i];
    return before ? rate({ at: before.at, value: before.values[name] ?? 0 },
      { at: reading.at, value: reading.values[name] ?? 0 }) ?? 0 : 0;
  });
}

/** Points of a line in a box of width × height; nothing under two values. */
export function points(values: number[], width: number, height: number): string {
  if (values.length < 2) return "";
  const most = Math.max(...values, 1e-9);
  return values.map((value, i) =>
    `${(i * width / (values.length - 1)).toFixed(1)},${(height - value / most * height).toFixed(1)}`).join(" ");
}
