// All screens. A new one is a line here, texts in core/en.ts and core/ja.ts, and a file in screens/ whose default
// export is the component. All but the first are loaded when they are opened.
import type { ComponentType } from "preact";
import type { Key } from "./core/i18n";
import Findings from "./screens/findings";

export interface Screen {
  path: string;
  title: Key;
  /** The component: at once, or a module to load. Parts of the path in braces are its props. */
  now?: ComponentType<Record<string, string>>;
  load?: () => Promise<{ default: ComponentType<Record<string, string>> }>;
}

type Props = ComponentType<Record<string, string>>;
const lazy = (load: () => Promise<{ default: unknown }>) => load as () => Promise<{ default: Props }>;

export const screens: readonly Screen[] = [
  { path: "/findings", title: "findings.title", now: Findings as Props },
  { path: "/findings/{id}", title: "finding.title", load: lazy(() => import("./screens/finding")) },
  { path: "/lists", title: "lists.title", load: lazy(() => import("./screens/lists")) },
  { path: "/lists/{name}", title: "lists.title", load: lazy(() => import("./screens/list")) },
  { path: "/coverage", title: "coverage.title", load: lazy(() => import("./screens/coverage")) },
  { path: "/rules", title: "rules.title", load: lazy(() => import("./screens/rules")) },
  { path: "/rules/{name}", title: "rules.title", load: lazy(() => import("./screens/rule")) },
  { path: "/macros", title: "rules.macros", load: lazy(() => import("./screens/rules")) },
  { path: "/macros/{name}", title: "rules.macros", load: lazy(() => import("./screens/rule")) },
];

/** The screens that can be gone to from everywhere, with the path of their picture (24 × 24). */
export const navigation: ReadonlyArray<{ path: string; title: Key; icon: string }> = [
  { path: "/findings", title: "nav.findings", icon: "M12 3l8 4v5c0 5-3.5 8-8 9-4.500-1-8-4-8-9V7zM11 8v5h2V8zm0 7v2h2v-2z" },
  { path: "/lists", title: "nav.lists", icon: "M4 6h2v2H4zm4 0h12v2H8zM4 11h2v2H4zm4 0h12v2H8zM4 16h2v2H4zm4 0h12v2H8z" },
  { path: "/coverage", title: "nav.coverage",
    icon: "M12 5c5 0 8.500 4 10 7-1.500 3-5 7-10 7S3.500 15 2 12c1.500-3 5-7 10-7zm0 3a4 4 0 1 0 0 8 4 4 0 0 0 0-8z" },
  { path: "/overview", title: "overview.title", load: lazy(() => import("./screens/overview")) },
];
