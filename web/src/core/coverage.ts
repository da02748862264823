// What agents say of themselves, in words. Heartbeats come from outside: every member is looked at before it is used.
import type { Coverage } from "../generated/schemas";
import { isKey, type Key, number, t } from "./i18n";

export type Item = Coverage["items"][number];
export type Heartbeat = Item["heartbeat"];

export function reasonName(code: string): string {
  const key = `reason.${code}`;
  return isKey(key) ? t(key as Key & "reason.silent") : code;
}

/** What to do about it; empty: nothing is known. */
export function reasonHelp(code: string): string {
  const key = `reasonHelp.${code}`;
  return isKey(key) ? t(key as Key & "reasonHelp.silent") : "";
}

function within(heartbeat: Heartbeat, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => (
    typeof value === "object" && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined
  ), heartbeat);
}

export function textOf(heartbeat: Heartbeat, path: string): string | null {
  const value = within(heartbeat, path);
  return typeof value === "string" && value !== "" ? value : null;
}

export function numberOf(heartbeat: Heartbeat, path: string): number | null {
  const value = within(heartbeat, path);
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export interface Container {
  id: string;
  name: string;
  image: string;
  task: string;
  cluster: string;
  watched: boolean;
  why: string;
}

function containerOf(value: unknown): Container | null {
  if (typeof value !== "object" || value === null) return null;
  const one = value as Record<string, unknown>;
  const text = (name: string) => { const member = one[name]; return typeof member === "string" ? member : ""; };
  return { id: text("id"), name: text("name"), image: text("image"), task: text("task"), cluster: text("cluster"),
    watched: one.watched === true, why: text("why") };
}

export function containersOf(value: unknown): Container[] {
  return Array.isArray(value) ? value.map(containerOf).filter((one): one is Container => one !== null) : [];
}

export function inHeartbeat(heartbeat: Heartbeat): Container[] {
  return containersOf(within(heartbeat, "containers"));
}

/** 1.5 MiB */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(value) / 10));
  return `${number(Math.round(value / 2 ** (10 * power) * 10) / 10)} ${units[power]}`;
}
