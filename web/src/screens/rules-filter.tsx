// What narrows the library down: each choice is a part of the address.
import type { Item, Kind } from "../core/content";
import { number, t } from "../core/i18n";
import { CHANGED, counted, isNarrowed, ORIGINS, SORTS, STATES, type Library } from "../core/library";
import { go, urlWith } from "../core/router";
import { visibleText } from "../core/visible";
import { Select } from "../ui/field";
import { BANDS } from "../ui/parts";

interface Props {
  kind: Kind;
  items: readonly Item[];
  wanted: Library;
}

interface OneProps {
  name: string;
  label: string;
  value: string | undefined;
  choices: ReadonlyArray<{ value: string; label: string }>;
}

const MOST_CHOICES = 200;

function One({ name, label, value, choices }: OneProps) {
  const known = value === undefined || choices.some((choice) => choice.value === value);
  const all = [{ value: "", label: t("rules.any") }, ...choices,
    ...(known ? [] : [{ value, label: visibleText(value) }])];
  return (
    <Select label={label} value={value ?? ""} choices={all}
      onChoose={(to) => go(urlWith({ [name]: to || undefined, show: undefined }), "replace")} />
  );
}

function withCounts(counts: Array<[string, number]>) {
  return counts.slice(0, MOST_CHOICES).map(([value, n]) => ({ value, label: `${visibleText(value)} (${number(n)})` }));
}

function OfRules({ items, wanted }: Props) {
  return (
    <>
      <One name="severity" label={t("rules.col.severity")} value={wanted.severity}
        choices={BANDS.map((value) => ({ value, label: t(`severity.${value}`) }))} />
      <One name="policy" label={t("rules.policy")} value={wanted.policy}
        choices={withCounts(counted(items.map((rule) => rule.policies ?? [])))} />
      <One name="enabled" label={t("rules.state")} value={wanted.state}
        choices={STATES.map((value) => ({ value, label: t(`rules.state.${value}`) }))} />
      <One name="tag" label={t("rules.tag")} value={wanted.tag}
        choices={withCounts(counted(items.map((rule) => rule.tags ?? [])))} />
    </>
  );
}

export function Filters(props: Props) {
  const { kind, wanted } = props;
  return (
    <div class="selects">
      <One name="origin" label={t("rules.col.origin")} value={wanted.origin}
        choices={ORIGINS.map((value) => ({ value, label: t(`rules.origin.${value}`) }))} />
      {kind === "rules" && <OfRules {...props} />}
      <One name="changed" label={t("rules.col.changed")} value={wanted.changed}
        choices={CHANGED.map((value) => ({ value, label: t(`rules.changed.${value}`) }))} />
      <Select label={t("rules.sort")} value={wanted.sort}
        choices={SORTS.filter((sort) => kind === "rules" || sort !== "-severity")
          .map((value) => ({ value, label: t(`rules.sort.${value}`) }))}
        onChoose={(sort) => go(urlWith({ sort: sort === "name" ? undefined : sort }), "replace")} />
      {isNarrowed(wanted) && <a class="button quiet" href={`/${kind}`}>{t("rules.clear")}</a>}
    </div>
  );
}
