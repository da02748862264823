// Which values there are, and how many findings each has: click one to see only those, or all others.
import type { Choice } from "../core/filter";
import { toggle } from "../core/findings-view";
import { number, t } from "../core/i18n";
import type { Resource } from "../core/resource";
import { visibleText } from "../core/visible";
import type { Facets } from "../generated/schemas";
import { BANDS } from "../ui/parts";
import { Text } from "../ui/text";
import { facetName } from "./findings-filter";

interface Value { value: string | null; count: number; label: string; mark?: string }

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
        <span class="value"><Text of={of.label} /></span>{" "}
        <span class="number">{number(of.count)}</span>
      </button>
      <button type="button" class="without" title={t("findings.without", { name, value })}
        aria-label={t("findings.without", { name, value })}
        onClick={() => toggle(choices, { field, value: of.value, not: true })}>−</button>
    </li>
  );
}

function Facet({ field, values, rest, choices }:
  { field: string; values: Value[]; rest: number; choices: Choice[] }) {
  if (values.length === 0) return null;
  return (
    <details open class="facet">
      <summary>{facetName(field)}</summary>
      <ul>
        {values.map((value) => <FacetValue key={value.value ?? ""} field={field} of={value} choices={choices} />)}
      </ul>
      {rest > 0 && <p class="faint">{t("findings.rest", { count: rest })}</p>}
    </details>
  );
}

export function FacetPanel({ facets, choices }: { facets: Resource<Facets>; choices: Choice[] }) {
  const data = facets.data;
  if (!data) return <aside class="facets" aria-label={t("findings.facets")} />;
  const bands = BANDS.map((band) => ({ value: band, count: data.severity[band], label: t(`severity.${band}`), mark: band }));
  return (
    <aside class="facets" aria-label={t("findings.facets")}>
      <Facet field="band" values={bands} rest={0} choices={choices} />
      {data.facets.map((facet) => (
        <Facet key={facet.name} field={facet.name} rest={facet.rest} choices={choices}
          values={facet.values.filter((v) => v.value !== null).map((v) => ({ ...v, label: v.value ?? "" }))} />
      ))}
    </aside>
  );
}
