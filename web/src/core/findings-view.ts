// What the findings screen shows, as the address has it.
import { filterText, parseChoice, choiceText, VIEWS, type Choice, type View } from "./filter";
import { go, place, urlWith } from "./router";

export const TIMES = ["1h", "24h", "7d", "30d", "all"] as const;
export type Span = (typeof TIMES)[number];
export const SORTS = [
  "-last_seen", "last_seen", "-first_seen", "first_seen", "-severity", "severity", "-count", "count",
] as const;
export type Sort = (typeof SORTS)[number];
export const GROUPS = ["none", "rule", "type", "container.image", "container.name", "ecs.cluster", "ecs.task.family", "host",
  "proc.name", "user.name", "file", "domain", "policy", "assignee"] as const;
export type Group = (typeof GROUPS)[number];

export const COLUMNS = ["severity", "what", "where", "count", "status", "seen", "first", "rule", "policy", "type", "process",
  "command", "parent", "user", "file", "domain", "item", "container", "image", "digest", "cluster", "service", "task",
  "host", "agent", "account", "region", "tags", "assignee"] as const;
export type ColumnId = (typeof COLUMNS)[number];
export const USUAL: readonly ColumnId[] = ["severity", "what", "where", "count", "status", "seen"];

const FROM: Record<Span, string | undefined> = { "1h": "-1h", "24h": "-24h", "7d": "-7d", "30d": "-30d", all: undefined };

export interface FindingsView {
  view: View;
  span: Span;
  sort: Sort;
  group: Group;
  columns: readonly ColumnId[];
  text: string;
  filter: string;
  choices: Choice[];
  from: string | undefined;
  to: string | undefined;
}

function oneOf<T extends string>(all: readonly T[], wanted: string | null, otherwise: T): T {
  return all.find((one) => one === wanted) ?? otherwise;
}

function moment(text: string | null): string | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? text : undefined;
}

function readColumns(text: string | null): readonly ColumnId[] {
  const wanted = (text ?? "").split(",");
  const known = COLUMNS.filter((id) => wanted.includes(id));
  return known.length === 0 ? USUAL : known.sort((a, b) => wanted.indexOf(a) - wanted.indexOf(b));
}

export function readView(query = place.value.query): FindingsView {
  const span = oneOf(TIMES, query.get("time"), "7d");
  const from = moment(query.get("from"));
  const to = moment(query.get("to"));
  return {
    view: oneOf(VIEWS, query.get("view"), "open"),
    span,
    sort: oneOf(SORTS, query.get("sort"), "-last_seen"),
    group: oneOf(GROUPS, query.get("group"), "none"),
    columns: readColumns(query.get("columns")),
    text: query.get("q") ?? "",
    filter: query.get("filter") ?? "",
    choices: query.getAll("is").map(parseChoice).filter((c): c is Choice => c !== null),
    from: from ?? (to ? undefined : FROM[span]),
    to,
  };
}

/** As the server is asked; without the place of the page. */
export function queryOf(view: FindingsView) {
  return { filter: filterText(view.view, view.choices, view.filter), text: view.text, from: view.from, to: view.to };
}

/** What of the address belongs to a filter that is kept. */
export function keptQuery(query = place.value.query): string {
  const kept = new URLSearchParams(query);
  for (const name of ["open", "saved", "cursor"]) kept.delete(name);
  kept.sort();
  return kept.toString();
}

export function change(changes: Record<string, string | string[] | undefined>): void {
  go(urlWith({ cursor: undefined, open: undefined, ...changes }));
}

/** The choices with one more, or without it when it is there; what says the opposite goes. */
export function toggled(choices: Choice[], choice: Choice): Choice[] {
  const text = choiceText(choice);
  const others = choices.filter((c) => choiceText(c) !== text && !(c.field === choice.field && c.value === choice.value));
  return choices.some((c) => choiceText(c) === text) ? others : [...others, choice];
}

export function toggle(choices: Choice[], choice: Choice): void {
  change({ is: toggled(choices, choice).map(choiceText) });
}
