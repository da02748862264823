// Findings by what they have in common, ×N each; a group opens to its worst findings.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { choiceText, type Choice } from "../core/filter";
import { change, queryOf, toggled, type FindingsView } from "../core/findings-view";
import { number, t } from "../core/i18n";
import { useResource } from "../core/resource";
import { go, urlWith } from "../core/router";
import { visibleText } from "../core/visible";
import type { Facets, Findings } from "../generated/schemas";
import { Empty, Failure, Loading, Severity, StatusMark, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { facetValue, inPlace, shorten } from "./findings-cell";
import { facetName } from "./findings-filter";

const MOST = 100;
const INSIDE = 8;

interface Group { value: string | null; count: number }

function Inside({ view, choice, count }: { view: FindingsView; choice: Choice; count: number }) {
  const query = queryOf({ ...view, choices: toggled(view.choices.filter((c) => c.field !== choice.field || c.not), choice) });
  const page = useResource<Findings>(JSON.stringify(query), (signal) =>
    api("GET /v1/findings", { query: { ...query, sort: "-severity", limit: INSIDE }, signal }));
  if (page.error !== undefined) return <Failure error={page.error} retry={page.reload} />;
  if (!page.data) return <Loading />;
  return (
    <>
      <ul class="group-rows">
        {page.data.items.map((row) => (
          <li key={row.id}>
            <Severity band={row.band} score={row.severity} />
            <a href={urlWith({ open: row.id })} onClick={inPlace(() => go(urlWith({ open: row.id })))}>
              <Said of={shorten(row.title)} />
            </a>
            <span class="faint one-line"><Text of={shorten(row.proc_cmdline ?? row.output ?? "")} mono /></span>
            <span class="number">×{number(row.count)}</span>
            <StatusMark status={row.status} />
            <Time ms={row.last_seen_ms} />
          </li>
        ))}
      </ul>
      <a href={urlWith({ group: undefined, is: toggled(view.choices, choice).map(choiceText) })}>
        {t("findings.groupAll", { count })}
      </a>
    </>
  );
}

function GroupRow({ group, most, view }: { group: Group; most: number; view: FindingsView }) {
  const [open, setOpen] = useState(false);
  const choice: Choice = { field: view.group, value: group.value, not: false };
  const label = group.value === null ? t("findings.noValue") : facetValue(view.group, group.value);
  const name = visibleText(shorten(label));
  const pick = (not: boolean) => change({
    is: toggled(view.choices, { ...choice, not }).map(choiceText), ...(not ? {} : { group: undefined }),
  });
  return (
    <li class="group">
      <div class="group-head">
        <button type="button" class="group-open" aria-expanded={open} onClick={() => setOpen(!open)}>
          <span class="chevron" aria-hidden="true">{open ? "▾" : "▸"}</span>
          <span class="group-name">
            {group.value === null ? <span class="none">{label}</span> : <Text of={shorten(label)} />}
          </span>
          <span class="number" title={t("findings.count", { count: group.count })}>×{number(group.count)}</span>
        </button>
        <svg class="share-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          <rect width={Math.max(1, 100 * group.count / most)} height={8} />
        </svg>
        <button type="button" class="pick-one" aria-label={t("findings.onlyThis", { name: facetName(view.group), value: name })}
          title={t("findings.onlyThis", { name: facetName(view.group), value: name })} onClick={() => pick(false)}>+</button>
        <button type="button" class="pick-one" aria-label={t("findings.without", { name: facetName(view.group), value: name })}
          title={t("findings.without", { name: facetName(view.group), value: name })} onClick={() => pick(true)}>−</button>
      </div>
      {open && <div class="group-inside"><Inside view={view} choice={choice} count={group.count} /></div>}
    </li>
  );
}

export function GroupsList({ view, round }: { view: FindingsView; round: number }) {
  const query = queryOf(view);
  const facets = useResource<Facets>(JSON.stringify([query, view.group, round]), (signal) =>
    api("GET /v1/findings/facets", { query: { ...query, facets: view.group, top: MOST }, signal }));
  if (facets.error !== undefined) return <Failure error={facets.error} retry={facets.reload} />;
  const facet = facets.data?.facets[0];
  if (!facet || facet.name !== view.group) return <Loading />;
  const groups = view.choices.some((c) => c.field === view.group && !c.not)
    ? facet.values.filter((v) => view.choices.some((c) => c.field === view.group && c.value === v.value && !c.not))
    : facet.values.filter((v) => !view.choices.some((c) => c.field === view.group && c.value === v.value && c.not));
  if (groups.length === 0) return <Empty title="findings.empty">{t("findings.emptyFiltered")}</Empty>;
  return (
    <>
      <ul class="groups" aria-label={t("findings.groupsBy", { name: facetName(view.group) })}>
        {groups.map((group) => <GroupRow key={group.value === null ? "" : `=${group.value}`} group={group} view={view}
          most={Math.max(...groups.map((g) => g.count))} />)}
      </ul>
      {facet.rest > 0 && <p class="faint">{t("findings.groupRest", { count: facet.rest, most: MOST })}</p>}
    </>
  );
}
