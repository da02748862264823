// Parts of a finding: its sentence, evidence, processes and facts.
import type { ComponentChildren } from "preact";
import { sentence, type Evidence, type Process } from "../core/alert";
import { number, t } from "../core/i18n";
import { exact } from "../core/time";
import type { Finding } from "../generated/schemas";
import { Time } from "../ui/parts";
import { Text } from "../ui/text";

/** {names} of a text of ours as elements, so that what others wrote stays apart from it. */
function woven(text: string, parts: Record<string, ComponentChildren>): ComponentChildren[] {
  return text.split(/(⟦\w+⟧)/).map((piece) =>
    piece.startsWith("⟦") ? parts[piece.slice(1, -1)] : piece);
}

function ownSentence(finding: Finding): ComponentChildren {
  const hole = (name: string) => `⟦${name}⟧`;
  const where = finding.container_name ?? finding.container_id
    ? t("finding.inContainer", { container: hole("where") }) : t("finding.onHost", { host: hole("where") });
  const names = { proc: hole("proc"), parent: hole("parent"), rule: hole("rule"), where };
  const text = finding.file
    ? t("finding.sentenceFile", { ...names, file: hole("file") }) : t("finding.sentence", names);
  return woven(text, {
    proc: finding.proc_name ? <strong><Text of={finding.proc_name} /></strong> : t("finding.unknownProcess"),
    parent: finding.parent_name ? <strong><Text of={finding.parent_name} /></strong> : t("finding.unknownParent"),
    rule: <Text of={finding.title} />,
    file: <strong><Text of={finding.file} /></strong>,
    where: <strong><Text of={finding.container_name ?? finding.container_id ?? finding.host} /></strong>,
  });
}

export function Sentence({ finding, template, fields }:
  { finding: Finding; template: string | undefined; fields: Record<string, unknown> }) {
  const parts = template ? sentence(template, fields) : null;
  return (
    <p class="sentence">
      {parts
        ? parts.map((part, i) => part.field ? <strong key={i}><Text of={part.text} /></strong> : part.text)
        : ownSentence(finding)}
    </p>
  );
}

function ListLink({ name }: { name: string }) {
  return <a href={`/lists/${encodeURIComponent(name)}`}><Text of={name} /></a>;
}

export function EvidenceList({ finding, of }: { finding: Finding; of: Evidence[] }) {
  const items = of.length > 0 || !finding.list ? of
    : [{ list: finding.list, item: finding.item ?? "", field: "" }];
  const rows: Array<[string, ComponentChildren]> = [];
  if (finding.file) rows.push([t("finding.file"), <Text of={finding.file} mono />]);
  if (finding.domain) rows.push([t("finding.domain"), <Text of={finding.domain} mono />]);
  if (finding.proc_cmdline) rows.push([t("finding.command"), <Text of={finding.proc_cmdline} mono />]);
  return (
    <>
      {items.length === 0 && <p class="faint">{t("finding.noEvidence")}</p>}
      <dl class="facts">
        {items.map((item, i) => (
          <div key={i}>
            <dt><ListLink name={item.list} /></dt>
            <dd><mark><Text of={item.item} mono /></mark>
              {item.field && <span class="faint"> {t("finding.evidenceItem", { field: item.field })}</span>}</dd>
          </div>
        ))}
        {rows.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
      </dl>
    </>
  );
}

function ProcessNode({ of, last }: { of: Process; last: boolean }) {
  const start = of.start ? Date.parse(of.start) : Number.NaN;
  return (
    <div class={last ? "process culprit" : "process"}>
      <strong><Text of={of.name} /></strong>
      {of.pid !== null && <span class="faint">{t("finding.pid", { pid: String(of.pid) })}</span>}
      {of.uid !== null && <span class="faint">{t("finding.uid", { uid: String(of.uid) })}</span>}
      {!Number.isNaN(start) && <span class="faint">{t("finding.started", { time: exact(start) })}</span>}
      {last && <span class="tag">{t("finding.culprit")}</span>}
      <div class="command"><Text of={[of.exe, of.args].filter(Boolean).join(" ")} mono /></div>
    </div>
  );
}

/** Each process within the one that started it: a nested list says to a screen reader what the lines say to an eye. */
export function Lineage({ of, label }: { of: Process[]; label: string }) {
  if (of.length === 0) return <p class="faint">{t("finding.noLineage")}</p>;
  const tree = [...of].reverse().reduce<ComponentChildren>((child, process, i) => (
    <ol {...(i === of.length - 1 ? { class: "lineage", "aria-label": label } : {})}>
      <li><ProcessNode of={process} last={i === 0} />{child}</li>
    </ol>
  ), null);
  return <>{tree}</>;
}

export function Facts({ of: f }: { of: Finding }) {
  const definition = [f.task_family, f.task_revision].filter(Boolean).join(":") || null;
  const account = [f.account, f.region].filter(Boolean).join(", ") || null;
  const rows: Array<[string, ComponentChildren | null]> = [
    [t("fact.first"), <Time ms={f.first_seen_ms} full />],
    [t("fact.last"), <Time ms={f.last_seen_ms} full />],
    [t("fact.count"), number(f.count)],
    [t("fact.rule"), <Text of={f.rule} />],
    [t("fact.policy"), f.policy && <Text of={f.policy} />],
    [t("fact.cluster"), f.cluster && <Text of={f.cluster} />],
    [t("fact.service"), f.service && <Text of={f.service} />],
    [t("fact.task"), (f.task_arn ?? f.task_id) && <Text of={f.task_arn ?? f.task_id} mono />],
    [t("fact.definition"), definition && <Text of={definition} />],
    [t("fact.container"), (f.container_name ?? f.container_id) &&
      <><Text of={f.container_name} /> {f.container_id && <span class="faint"><Text of={f.container_id} mono /></span>}</>],
    [t("fact.image"), f.image && <Text of={f.image} mono />],
    [t("fact.digest"), f.image_digest && <Text of={f.image_digest} mono />],
    [t("fact.host"), f.host && <Text of={f.host} />],
    [t("fact.account"), account && <Text of={account} />],
    [t("fact.user"), f.user_name && <Text of={f.user_name} />],
    [t("fact.agent"), <Text of={f.agent} mono />],
    [t("fact.tags"), f.tags.length === 0 ? null
      : <ul class="tags">{f.tags.map((tag) => <li key={tag} class="tag"><Text of={tag} /></li>)}</ul>],
    [t("fact.id"), <Text of={f.id} mono />],
  ];
  return (
    <dl class="facts">
      {rows.map(([name, value]) => value && <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}
