// What the findings screen shows, as the address has it.
import { filterText, parseChoice, choiceText, VIEWS, type Choice, type View } from "./filter";
import { go, place, urlWith } from "./router";

export const TIMES = ["1h", "24h", "7d", "30d", "all"] as const;
export type Span = (typeof TIMES)[number];
export const SORTS = ["-last_seen", "-first_seen", "-severity", "-count"] as const;
export type Sort = (typeof SORTS)[number];

const FROM: Record<Span, string | undefined> = { "1h": "-1h", "24h": "-24h", "7d": "-7d", "30d": "-30d", all: undefined };

export interface FindingsView {
  view: View;
  span: Span;
  sort: Sort;
  text: string;
  filter: string;
  choices: Choice[];
  from: string | undefined;
  to: string | undefined;
  cursor: string | undefined;
}

function oneOf<T extends string>(all: readonly T[], wanted: string | null, otherwise: T): T {
  return all.find((one) => one === wanted) ?? otherwise;
}

function moment(text: string | null): string | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? text : undefined;
}

export function readView(query = place.value.query): FindingsView {
  const span = oneOf(TIMES, query.get("time"), "7d");
  const from = moment(query.get("from"));
  return {
    view: oneOf(VIEWS, query.get("view"), "open"),
    span,
    sort: oneOf(SORTS, query.get("sort"), "-last_seen"),
    text: query.get("q") ?? "",
    filter: query.get("filter") ?? "",
    choices: query.getAll("is").map(parseChoice).filter((c): c is Choice => c !== null),
    from: from ?? FROM[span],
    to: from ? moment(query.get("to")) : undefined,
    cursor: query.get("cursor") ?? undefined,
  };
}

/** As the server is asked; without the place of the page. */
export function queryOf(view: FindingsView) {
  return { filter: filterText(view.view, view.choices, view.filter), text: view.text, from: view.from, to: view.to };
}

/** Every change but that of the page begins at the first page. */
export function change(changes: Record<string, string | string[] | undefined>): void {
  go(urlWith({ cursor: undefined, open: undefined, ...changes }));
}

export function toggle(choices: Choice[], choice: Choice): void {
  const text = choiceText(choice);
  const others = choices.filter((c) => choiceText(c) !== text &&
    !(c.field === choice.field && c.value === choice.value));
  const had = choices.some((c) => choiceText(c) === text);
  change({ is: (had ? others : [...others, choice]).map(choiceText) });
}
