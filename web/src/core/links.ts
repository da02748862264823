// Addresses within the console that more than one screen leads to.
import { choiceText } from "./filter";

/** The findings, whatever their status and time, that have this value. */
export function findingsWith(field: string, value: string): string {
  const is = choiceText({ field, value, not: false });
  return `/findings?${new URLSearchParams({ is, view: "all", time: "all" }).toString()}`;
}

export function findingUrl(id: string): string {
  return `/findings/${encodeURIComponent(id)}`;
}
