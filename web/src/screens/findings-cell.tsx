// One value of a finding in the list, with "only these" and "without these" beside it while its row has the pointer or
// the focus.
import type { ComponentChildren } from "preact";
import { choiceText, type Choice } from "../core/filter";
import { change, toggled } from "../core/findings-view";
import { t } from "../core/i18n";
import { exact } from "../core/time";
import { visibleText } from "../core/visible";
import { Text } from "../ui/text";
import { facetName } from "./findings-filter";

export interface RowActions {
  urlOf: (id: string) => string;
  choose: (index: number, range: boolean) => void;
  open: (index: number, id: string) => void;
  pick: (choice: Choice) => void;
}

export interface CellProps {
  field: string;
  value: string | null;
  /** The buttons are there. */
  active: boolean;
  index: number;
  actions: RowActions;
  faint?: boolean;
  mono?: boolean;
  children?: ComponentChildren;
}

/** What a row shows of a text; the whole is in the finding. */
const SHOWN = 160;
const TIMES: Record<string, true> = { first_seen: true, last_seen: true };

export function shorten(text: string): string {
  return text.length <= SHOWN ? text : `${[...text.slice(0, SHOWN)].slice(0, -1).join("")}…`;
}

/** Of a time: from then on, and up to then. */
export function pickChanges(choices: Choice[], choice: Choice): Record<string, string | string[] | undefined> {
  if (TIMES[choice.field] && choice.value !== null) {
    const ms = Number(choice.value);
    return choice.not ? { to: String(ms), from: undefined } : { from: String(ms), to: undefined };
  }
  return { is: toggled(choices, choice).map(choiceText) };
}

function labels(field: string, value: string | null): [only: string, without: string] {
  const name = facetName(field);
  if (TIMES[field]) {
    const time = exact(Number(value));
    return [t("findings.since", { time }), t("findings.before", { time })];
  }
  const shown = visibleText(shorten(facetValue(field, value)));
  return [t("findings.onlyThis", { name, value: shown }), t("findings.without", { name, value: shown })];
}

export function facetValue(field: string, value: string | null): string {
  switch (value) {
    case null: return t("findings.noValue");
    case "critical": case "high": case "medium": case "low": case "info":
      return field === "band" ? t(`severity.${value}`) : value;
    case "new": case "acknowledged": case "archived": case "suppressed":
      return field === "status" ? t(`status.${value}`) : value;
    default: return value;
  }
}

/** A plain click on a link does this, and the list stays where it is; with a key held it is the browser's. */
export function inPlace(open: () => void): (event: MouseEvent) => void {
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    open();
  };
}

function Picks({ field, value, actions }: CellProps) {
  const [only, without] = labels(field, value);
  const set = (not: boolean) => (event: Event) => {
    event.stopPropagation();
    actions.pick({ field, value, not });
  };
  return (
    <span class="pick">
      <button type="button" aria-label={only} title={only} onClick={set(false)}>+</button>
      <button type="button" aria-label={without} title={without} onClick={set(true)}>−</button>
    </span>
  );
}

export function Cell(props: CellProps) {
  const { value, active, faint, mono, children } = props;
  return (
    <span class={faint ? "cell faint" : "cell"}>
      <span class="cell-text">
        {children || (value === null ? <span class="none">–</span> : <Text of={shorten(value)} mono={mono ?? false} />)}
      </span>
      {active && <Picks {...props} />}
    </span>
  );
}

export function pickNow(choices: Choice[], choice: Choice): void {
  change(pickChanges(choices, choice));
}
