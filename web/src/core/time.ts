// Times as people read them: of this place or UTC, exact and "3 minutes ago".
import { signal } from "@preact/signals";
import { language } from "./i18n";
import { recall, remember } from "./storage";

export type Zone = "local" | "utc";

export const zone = signal<Zone>(recall("zone") === "utc" ? "utc" : "local");

export function setZone(wanted: Zone): void {
  zone.value = wanted;
  remember("zone", wanted);
}

/** Moves every half a minute: "3 minutes ago" stays true. */
export const now = signal(Date.now());
if (typeof window !== "undefined") {
  window.setInterval(() => { now.value = Date.now(); }, 30_000);
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, "0");
}

/** 2026-11-22 10:00:05, the same in every language: it is compared with logs. */
export function exact(ms: number): string {
  const d = new Date(ms);
  const utc = zone.value === "utc";
  const parts = utc
    ? [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds()]
    : [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds()];
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts;
  return `${pad(year, 4)}-${pad(month + 1)}-${pad(day)} ${pad(hour)}:${pad(minute)}:${pad(second)}`;
}

export function zoneName(): string {
  if (zone.value === "utc") return "UTC";
  const minutes = -new Date().getTimezoneOffset();
  const absolute = Math.abs(minutes);
  return `UTC${minutes < 0 ? "−" : "+"}${pad(Math.floor(absolute / 60))}:${pad(absolute % 60)}`;
}

const UNITS: ReadonlyArray<readonly [Intl.RelativeTimeFormatUnit, number]> = [
  ["day", 86_400_000], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000],
];

const relative = new Map<string, Intl.RelativeTimeFormat>();

/** Kept: making one costs more than using it a hundred times. */
function relativeFormat(): Intl.RelativeTimeFormat {
  const name = language.value;
  const format = relative.get(name) ?? new Intl.RelativeTimeFormat(name, { numeric: "auto", style: "short" });
  relative.set(name, format);
  return format;
}

export function ago(ms: number, at = now.value): string {
  const past = Math.min(0, ms - at);
  const format = relativeFormat();
  for (const [unit, size] of UNITS) {
    if (-past >= size || unit === "second") return format.format(Math.ceil(past / size) || 0, unit);
  }
  return "";
}
