// Evidence: the item of a list that matched, marked where it was found, and what the alert says of files, network, names.
import { evidenceOf, type Evidence } from "../core/alert";
import { allFields, cutAt, groupsOf, placeOf, type Field } from "../core/evidence";
import { t } from "../core/i18n";
import { visibleText } from "../core/visible";
import type { Finding } from "../generated/schemas";
import { Copy } from "../ui/copy";
import { Text } from "../ui/text";

export function Marked({ value, item }: { value: string; item: string }) {
  return (
    <span class="mono">
      {cutAt(value, item).map((cut, i) => cut.hit ? <mark key={i}><Text of={cut.text} /></mark> : <Text key={i} of={cut.text} />)}
    </span>
  );
}

function listUrl(evidence: Evidence): string {
  return `/lists/${encodeURIComponent(evidence.list)}?${new URLSearchParams({ q: evidence.item }).toString()}`;
}

function Match({ of, fields }: { of: Evidence; fields: Record<string, unknown> }) {
  const place = placeOf(of, fields);
  return (
    <li class="match">
      <div class="match-value">
        {place ? <Marked value={place[1]} item={of.item} /> : <mark><Text of={of.item} mono /></mark>}
        <Copy of={of.item} what={visibleText(of.item)} />
      </div>
      <p class="faint">
        {of.field && <><span class="mono"><Text of={of.field} /></span>{" "}</>}
        {t("finding.matches")} <mark class="mono"><Text of={of.item} /></mark> {t("finding.ofList")}{" "}
        <a href={listUrl(of)}><Text of={of.list} /></a>
      </p>
    </li>
  );
}

function evidenceItems(f: Finding): Evidence[] {
  const all = evidenceOf(f.last_alert);
  return all.length > 0 || !f.list ? all : [{ list: f.list, item: f.item ?? "", field: "" }];
}

export function EvidenceList({ finding: f }: { finding: Finding }) {
  const items = evidenceItems(f);
  const fields = allFields(f.last_alert);
  const rows: Array<readonly [string, string | null]> = [
    [t("finding.file"), f.file], [t("finding.domain"), f.domain], [t("finding.command"), f.proc_cmdline],
  ];
  return (
    <>
      {items.length === 0 && <p class="faint">{t("finding.noEvidence")}</p>}
      {items.length > 0 && <ul class="matches">{items.map((item, i) => <Match key={i} of={item} fields={fields} />)}</ul>}
      <dl class="facts">
        {rows.map(([name, value]) => value && (
          <div key={name}><dt>{name}</dt><dd class="copied"><Text of={value} mono /><Copy of={value} what={name} /></dd></div>
        ))}
      </dl>
    </>
  );
}

function Rows({ of }: { of: Field[] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt class="mono"><Text of={name} /></dt>
          <dd class="copied"><Text of={value} mono /><Copy of={value} what={visibleText(name)} /></dd>
        </div>
      ))}
    </dl>
  );
}

export function FieldGroups({ of: alert }: { of: unknown }) {
  const groups = groupsOf(allFields(alert));
  if (groups.length === 0) return null;
  return (
    <section>
      <h3>{t("finding.fields")}</h3>
      {groups.map(([group, list]) => (
        <details key={group} open={group === "file" || group === "network" || group === "dns"}>
          <summary>{t(`finding.group.${group}`)} <span class="faint number">{list.length}</span></summary>
          <Rows of={list} />
        </details>
      ))}
    </section>
  );
}
