// The box of words, the filter language, status, time and order, and what was chosen by clicking.
import { useState } from "preact/hooks";
import { choiceText, VIEWS, type Choice } from "../core/filter";
import { change, SORTS, TIMES, toggle, type FindingsView } from "../core/findings-view";
import { t, type Key } from "../core/i18n";
import { en } from "../core/en";
import { exact } from "../core/time";
import { visibleText } from "../core/visible";
import { Button } from "../ui/parts";
import { Select } from "../ui/field";
import { Text } from "../ui/text";

export function facetName(field: string): string {
  const key = `facet.${field}`;
  return key in en ? t(key as Key & keyof typeof en & `facet.host`) : field;
}

function Chip({ choice, all }: { choice: Choice; all: Choice[] }) {
  const name = facetName(choice.field);
  const value = choice.value ?? t("findings.noValue");
  const text = `${name}: ${visibleText(value)}`;
  return (
    <li class={choice.not ? "chip not" : "chip"}>
      <span>{choice.not ? "≠ " : ""}{name}: <Text of={value} /></span>
      <button type="button" onClick={() => toggle(all, choice)}
        aria-label={t("action.remove", { name: choice.not ? t("findings.not", { text }) : text })}>×</button>
    </li>
  );
}

function Choices({ view }: { view: FindingsView }) {
  const range = view.from && /^\d+$/.test(view.from);
  if (view.choices.length === 0 && !range) return null;
  return (
    <ul class="chips" aria-label={t("findings.chosen")}>
      {view.choices.map((choice) => <Chip key={choiceText(choice)} choice={choice} all={view.choices} />)}
      {range && (
        <li class="chip">
          <span>{t("findings.time.range", { from: exact(Number(view.from)), to: view.to ? exact(Number(view.to)) : "…" })}</span>
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

export function FilterBar({ view }: { view: FindingsView }) {
  const [text, setText] = useState(view.text);
  const [filter, setFilter] = useState(view.filter);
  const submit = (event: Event) => {
    event.preventDefault();
    change({ q: text.trim(), filter: filter.trim() });
  };
  return (
    <div class="filter-bar">
      <form role="search" onSubmit={submit}>
        <input id="findings-search" type="search" value={text} placeholder={t("findings.searchHint")} maxLength={500}
          aria-label={t("findings.search")} spellcheck={false} onInput={(e) => setText(e.currentTarget.value)} />
        <input type="text" class="mono" value={filter} placeholder={t("findings.filterHint")} maxLength={4000}
          aria-label={t("findings.filter")} spellcheck={false} autocapitalize="off"
          onInput={(e) => setFilter(e.currentTarget.value)} />
        <Button submit>{t("findings.filterApply")}</Button>
      </form>
      <div class="selects">
        <Select label={t("findings.view")} value={view.view} onChoose={(value) => change({ view: value })}
          choices={VIEWS.map((value) => ({ value, label: t(`findings.view.${value}`) }))} />
        <Select label={t("findings.time")} value={view.span}
          onChoose={(value) => change({ time: value, from: undefined, to: undefined })}
          choices={TIMES.map((value) => ({ value, label: t(`findings.time.${value}`) }))} />
        <Select label={t("findings.sort")} value={view.sort} onChoose={(value) => change({ sort: value })}
          choices={SORTS.map((value) => ({ value, label: t(`findings.sort.${value}`) }))} />
      </div>
      <Choices view={view} />
    </div>
  );
}
