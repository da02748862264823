// The places that can be gone to from everywhere, in groups. One is shown as soon as there is a screen for it.
import type { Key } from "../core/i18n";
import { screens } from "../screens";

export interface Entry { path: string; title: Key; /** 24 × 24 */ icon: string; /** What else is below it. */ also?: string }
export interface Group { title: Key; entries: readonly Entry[] }

const ALL: readonly Group[] = [
  { title: "nav.group.watch", entries: [
    { path: "/overview", title: "nav.overview", icon: "M4 4h7v9H4zm9 0h7v5h-7zm0 7h7v9h-7zM4 15h7v5H4z" },
    { path: "/findings", title: "nav.findings",
      icon: "M12 3l8 4v5c0 5-3.500 8-8 9-4.500-1-8-4-8-9V7zM11 8v5h2V8zm0 7v2h2v-2z" },
    { path: "/activity", title: "nav.activity", icon: "M3 11h4l3-7 4 14 3-7h4v2h-3l-4.200 9-4-14L8 13H3z" },
  ] },
  { title: "nav.group.content", entries: [
    { path: "/rules", title: "nav.rules", also: "/macros",
      icon: "M5 3h10l4 4v14H5zm9 1.500V8h3.500zM8 11v1.500h8V11zm0 4v1.500h8V15z" },
    { path: "/policies", title: "nav.policies",
      icon: "M4 7h9v2H4zm13 0h3v2h-3zm-3-2h2v6h-2zM4 15h3v2H4zm7 0h9v2h-9zm-3-2h2v6H8z" },
    { path: "/lists", title: "nav.lists",
      icon: "M4 6h2v2H4zm4 0h12v2H8zM4 11h2v2H4zm4 0h12v2H8zM4 16h2v2H4zm4 0h12v2H8z" },
  ] },
  { title: "nav.group.run", entries: [
    { path: "/coverage", title: "nav.coverage",
      icon: "M12 5c5 0 8.500 4 10 7-1.500 3-5 7-10 7S3.500 15 2 12c1.500-3 5-7 10-7zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8z" },
    { path: "/settings", title: "nav.settings",
      icon: "M10.300 2h3.400l.6 2.700 1.900 1.100 2.600-.9 1.700 3-2 1.800v2.600l2 1.800-1.700 3-2.600-.9" +
        "-1.900 1.100-.6 2.700h-3.400l-.6-2.700-1.900-1.100-2.600.9-1.700-3 2-1.800V9.700l-2-1.800 1.700-3 2.600.9 1.900-1.100z" +
        "M12 8a3.500 3.500 0 1 0 0 7 3.500 3.500 0 0 0 0-7z" },
  ] },
];

function isThere(entry: Entry): boolean {
  return screens.some((screen) => screen.path === entry.path || screen.path.startsWith(`${entry.path}/`));
}

export function navigation(): Group[] {
  return ALL.map((group) => ({ ...group, entries: group.entries.filter(isThere) }))
    .filter((group) => group.entries.length > 0);
}

export function isAt(entry: Entry, path: string): boolean {
  return [entry.path, entry.also].some((one) => one !== undefined && (path === one || path.startsWith(`${one}/`)));
}
