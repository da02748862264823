// Which values there are, and how many findings each has: click one to see only those, or all others.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { fitting } from "../core/filter-complete";
import type { Choice } from "../core/filter";
import { queryOf, toggle, type FindingsView } from "../core/findings-view";
import { number, t } from "../core/i18n";
import { useResource, type Resource } from "../core/resource";
import { visibleText } from "../core/visible";
import type { Facets } from "../generated/schemas";
import { BANDS } from "../ui/parts";
import { Text } from "../ui/text";
import { facetName } from "./findings-filter";

interface Value { value: string | null; count: number; label: string; mark?: string }

const MORE = 100;
const SEARCH_FROM = 12;

function FacetValue({ field, of, choices }: { field: string; of: Value; choices: Choice[] }) {
  const name = facetName(field);
  const value = visibleText(of.label);
  const on = choices.some((c) => c.field === field && c.value === of.value && !c.not);
  return (
    <li>
      <button type="button" class="only" aria-pressed={on}
        onClick={() => toggle(choices, { field, value: of.value, not: false })}>
        <span class="unseen-label">{t("findings.only", { name })} </span>
        {of.mark && <span class={`severity ${of.mark}`} aria-hidden="true"><span class="mark" /></span>}
        <span class="value" title={value}>
          {of.value === null ? <span class="none">{of.label}</span> : <Text of={of.label} />}
        </span>{" "}
        <span class="number">{number(of.count)}</span>
      </button>
      <button type="button" class="without" title={t("findings.without", { name, value })}
        aria-label={t("findings.without", { name, value })}
        onClick={() => toggle(choices, { field, value: of.value, not: true })}>−</button>
    </li>
  );
}

function labelled(values: Facets["facets"][number]["values"]): Value[] {
  return values.map((v) => ({ ...v, label: v.value ?? t("findings.noValue") }));
}

/** All values of one field, up to a hundred. */
function useMore(field: string, wanted: boolean, view: FindingsView): Facets["facets"][number] | undefined {
  const query = queryOf(view);
  const more = useResource<Facets | undefined>(wanted ? JSON.stringify([field, query]) : "", async (signal) =>
    wanted ? api("GET /v1/findings/facets", { query: { ...query, facets: field, top: MORE }, signal }) : undefined);
  return more.data?.facets[0];
}

function Facet({ field, values, rest, view }: { field: string; values: Value[]; rest: number; view: FindingsView }) {
  const [all, setAll] = useState(false);
  const [search, setSearch] = useState("");
  const more = useMore(field, all, view);
  const shown = all && more ? labelled(more.values) : values;
  const left = all && more ? more.rest : rest;
  if (values.every((v) => v.value === null)) return null;
  return (
    <details open class="facet">
      <summary>{facetName(field)}</summary>
      {all && shown.length > SEARCH_FROM && (
        <input type="search" value={search} aria-label={t("findings.facetSearch", { name: facetName(field) })}
          placeholder={t("findings.facetSearchHint")} onInput={(event) => setSearch(event.currentTarget.value)} />
      )}
      <ul>
        {fitting(shown, search, (v) => v.label, MORE).map((value) =>
          <FacetValue key={value.value === null ? "" : `=${value.value}`} field={field} of={value} choices={view.choices} />)}
      </ul>
      {left > 0 && (all ? <p class="faint">{t("findings.rest", { count: left })}</p>
        : <button type="button" class="more" onClick={() => setAll(true)}>{t("findings.facetMore", { count: left })}</button>)}
      {all && (
        <button type="button" class="more" onClick={() => { setAll(false); setSearch(""); }}>{t("findings.facetLess")}</button>
      )}
    </details>
  );
}

function useNarrow(): boolean {
  const [narrow, setNarrow] = useState(() => window.matchMedia("(max-width: 860px)").matches);
  useEffect(() => {
    const media = window.matchMedia("(max-width: 860px)");
    const look = () => setNarrow(media.matches);
    media.addEventListener("change", look);
    return () => media.removeEventListener("change", look);
  }, []);
  return narrow;
}

export function FacetPanel({ facets, view }: { facets: Resource<Facets>; view: FindingsView }) {
  const narrow = useNarrow();
  const data = facets.data;
  if (!data) return <aside class="facets" aria-label={t("findings.facets")} />;
  const bands = BANDS.map((band) => ({ value: band, count: data.severity[band], label: t(`severity.${band}`), mark: band }));
  const inside = (
    <>
      <Facet field="band" values={bands} rest={0} view={view} />
      {data.facets.map((facet) => (
        <Facet key={facet.name} field={facet.name} rest={facet.rest} view={view} values={labelled(facet.values)} />
      ))}
    </>
  );
  return (
    <aside class="facets" aria-label={t("findings.facets")}>
      {narrow ? <details class="facets-fold"><summary>{t("findings.facets")}</summary>{inside}</details> : inside}
    </aside>
  );
}
