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
  { path: "/policies", title: "policies.title", load: lazy(() => import("./screens/policies")) },
  { path: "/policies/{name}", title: "policies.title", load: lazy(() => import("./screens/policies-page")) },
  { path: "/rules", title: "rules.title", load: lazy(() => import("./screens/rules")) },
  { path: "/rules/{name}", title: "rules.title", load: lazy(() => import("./screens/rule")) },
  { path: "/macros", title: "rules.macros", load: lazy(() => import("./screens/rules")) },
  { path: "/macros/{name}", title: "rules.macros", load: lazy(() => import("./screens/rule")) },
  { path: "/rules/new/{kind}", title: "rules.newTitle", load: lazy(() => import("./screens/rule-new")) },
  { path: "/rules/{name}/edit", title: "rules.editTitle", load: lazy(() => import("./screens/rule-edit")) },
  { path: "/macros/{name}/edit", title: "rules.editTitle", load: lazy(() => import("./screens/rule-edit")) },
  { path: "/lists", title: "lists.title", load: lazy(() => import("./screens/lists")) },
  { path: "/lists/{name}", title: "lists.title", load: lazy(() => import("./screens/list")) },
  { path: "/coverage", title: "coverage.title", load: lazy(() => import("./screens/coverage")) },
  { path: "/settings", title: "settings.title", load: lazy(() => import("./screens/settings-account")) },
  { path: "/settings/account", title: "settings.account", load: lazy(() => import("./screens/settings-account")) },
  { path: "/settings/sessions", title: "settings.sessions", load: lazy(() => import("./screens/settings-sessions")) },
  { path: "/settings/tokens", title: "settings.tokens", load: lazy(() => import("./screens/settings-tokens")) },
  { path: "/settings/users", title: "settings.users", load: lazy(() => import("./screens/settings-users")) },
  { path: "/settings/audit", title: "settings.audit", load: lazy(() => import("./screens/settings-audit")) },
  { path: "/settings/system", title: "settings.system", load: lazy(() => import("./screens/settings-system")) },
  { path: "/settings/exceptions", title: "settings.exceptions", load: lazy(() => import("./screens/settings-exceptions")) },
  { path: "/settings/suppressions", title: "settings.suppressions",
    load: lazy(() => import("./screens/settings-suppressions")) },
  { path: "/settings/notifications", title: "settings.notifications",
    load: lazy(() => import("./screens/settings-notifications")) },
  { path: "/settings/summaries", title: "settings.summaries", load: lazy(() => import("./screens/settings-summaries")) },
  { path: "/overview", title: "overview.title", load: lazy(() => import("./screens/overview")) },
  { path: "/activity", title: "activity.title", load: lazy(() => import("./screens/activity")) },
  { path: "/coverage/{agent}", title: "coverage.title", load: lazy(() => import("./screens/coverage-agent")) },
  { path: "/onboarding", title: "onboarding.title", load: lazy(() => import("./screens/onboarding")) },
];
