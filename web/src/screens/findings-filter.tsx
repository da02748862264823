// The box of words, the filter language, status, time, order and groups, and what was chosen by clicking.
import { useState } from "preact/hooks";
import { choiceText, VIEWS, type Choice } from "../core/filter";
import { change, GROUPS, SORTS, TIMES, toggle, type FindingsView } from "../core/findings-view";
import { isKey, type Key, t } from "../core/i18n";
import { exact } from "../core/time";
import { visibleText } from "../core/visible";
import { Button } from "../ui/parts";
import { Select } from "../ui/field";
import { FilterInput } from "../ui/filter-input";
import { Text } from "../ui/text";
import { facetValue } from "./findings-cell";

export function facetName(field: string): string {
  const key = `facet.${field}`;
  return isKey(key) ? t(key as Key & `facet.host`) : field;
}

function Chip({ choice, all }: { choice: Choice; all: Choice[] }) {
  const name = facetName(choice.field);
  const value = facetValue(choice.field, choice.value);
  const text = `${name}: ${visibleText(value)}`;
  return (
    <li class={choice.not ? "chip not" : "chip"}>
      <span>{choice.not ? "≠ " : ""}{name}: <Text of={value} /></span>
      <button type="button" onClick={() => toggle(all, choice)}
        aria-label={t("action.remove", { name: choice.not ? t("findings.not", { text }) : text })}>×</button>
    </li>
  );
}

function hasRange(view: FindingsView): boolean {
  return (view.from !== undefined && /^\d+$/.test(view.from)) || view.to !== undefined;
}

function rangeText(view: FindingsView): string {
  const from = view.from !== undefined && /^\d+$/.test(view.from) ? exact(Number(view.from)) : "…";
  return t("findings.time.range", { from, to: view.to ? exact(Number(view.to)) : "…" });
}

function Choices({ view }: { view: FindingsView }) {
  if (view.choices.length === 0 && !hasRange(view)) return null;
  return (
    <ul class="chips" aria-label={t("findings.chosen")}>
      {view.choices.map((choice) => <Chip key={choiceText(choice)} choice={choice} all={view.choices} />)}
      {hasRange(view) && (
        <li class="chip">
          <span>{rangeText(view)}</span>
          <button type="button" aria-label={t("action.remove", { name: t("findings.time") })}
            onClick={() => change({ from: undefined, to: undefined })}>×</button>
        </li>
      )}
      <li><Button kind="quiet" onClick={() => change({ is: [], from: undefined, to: undefined })}>
        {t("findings.clear")}
      </Button></li>
    </ul>
  );
}

export function groupName(group: FindingsView["group"]): string {
  return group === "none" ? t("findings.group.none") : facetName(group);
}

function Selects({ view }: { view: FindingsView }) {
  return (
    <>
      <Select label={t("findings.view")} value={view.view} onChoose={(value) => change({ view: value })}
        choices={VIEWS.map((value) => ({ value, label: t(`findings.view.${value}`) }))} />
      <Select label={t("findings.time")} value={view.span}
        onChoose={(value) => change({ time: value, from: undefined, to: undefined })}
        choices={TIMES.map((value) => ({ value, label: t(`findings.time.${value}`) }))} />
      <Select label={t("findings.sort")} value={view.sort} onChoose={(value) => change({ sort: value })}
        choices={SORTS.map((value) => ({ value, label: t(`findings.sort.${value}`) }))} />
      <Select label={t("findings.group")} value={view.group}
        onChoose={(value) => change({ group: value === "none" ? undefined : value })}
        choices={GROUPS.map((value) => ({ value, label: groupName(value) }))} />
    </>
  );
}

export function FilterBar({ view }: { view: FindingsView }) {
  const [text, setText] = useState(view.text);
  const [filter, setFilter] = useState(view.filter);
  const apply = () => change({ q: text.trim(), filter: filter.trim() });
  return (
    <div class="filter-bar">
      <form role="search" onSubmit={(event) => { event.preventDefault(); apply(); }}>
        <input id="findings-search" type="search" value={text} placeholder={t("findings.searchHint")} maxLength={250}
          aria-label={t("findings.search")} spellcheck={false} onInput={(e) => setText(e.currentTarget.value)} />
        <FilterInput id="findings-filter" label={t("findings.filter")} mode="findings" value={filter} onValue={setFilter}
          onSubmit={apply} />
        <Button submit>{t("findings.filterApply")}</Button>
      </form>
      <div class="selects">
        <Selects view={view} />
      </div>
      <Choices view={view} />
    </div>
  );
}
