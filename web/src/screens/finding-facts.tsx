// Where a finding was made, by what and when; each value can be copied, and leads to the findings that share it.
import type { ComponentChildren } from "preact";
import { number, t } from "../core/i18n";
import { findingsWith } from "../core/links";
import { visibleText } from "../core/visible";
import type { Finding } from "../generated/schemas";
import { Copy } from "../ui/copy";
import { Time } from "../ui/parts";
import { Text } from "../ui/text";

interface Fact { name: string; value: string | null; field?: string; mono?: boolean; show?: ComponentChildren }

function Value({ of: { name, value, field, mono, show } }: { of: Fact }) {
  if (value === null) return null;
  const url = field && findingsWith(field, value);
  const label = t("finding.same", { name, value: visibleText(value) });
  return (
    <dd class="copied">
      {show ?? <Text of={value} {...(mono ? { mono } : {})} />}
      <Copy of={value} what={name} />
      {url && (
        <a class="copy" href={url} aria-label={label} title={label}>
          <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d="M2 3h12l-4.5 5.5V13l-3 1.5v-6z" /></svg>
        </a>
      )}
    </dd>
  );
}

function where(f: Finding): Fact[] {
  return [
    { name: t("fact.cluster"), value: f.cluster, field: "ecs.cluster" },
    { name: t("fact.service"), value: f.service, field: "ecs.service" },
    { name: t("fact.task"), value: f.task_arn ?? f.task_id, mono: true, field: f.task_arn ? "ecs.task.arn" : "ecs.task.id" },
    { name: t("fact.definition"), value: [f.task_family, f.task_revision].filter(Boolean).join(":") || null },
    { name: t("fact.container"), value: f.container_name, field: "container.name" },
    { name: t("fact.containerId"), value: f.container_id, mono: true, field: "container.id" },
    { name: t("fact.image"), value: f.image, mono: true, field: "container.image" },
    { name: t("fact.digest"), value: f.image_digest, mono: true, field: "container.image.digest" },
    { name: t("fact.host"), value: f.host, field: "host" },
    { name: t("fact.accountOnly"), value: f.account, field: "aws.account" },
    { name: t("fact.region"), value: f.region, field: "aws.region" },
  ];
}

function what(f: Finding, known: boolean): Fact[] {
  const rule = known ? { show: <a href={`/rules/${encodeURIComponent(f.rule)}`}><Text of={f.rule} /></a> } : {};
  return [
    { name: t("fact.rule"), value: f.rule, field: "rule", ...rule },
    { name: t("fact.policy"), value: f.policy, field: "policy" },
    { name: t("fact.type"), value: f.type, mono: true, field: "type" },
    { name: t("fact.process"), value: f.proc_name, field: "proc.name" },
    { name: t("fact.program"), value: f.proc_exe, mono: true, field: "proc.exepath" },
    { name: t("fact.user"), value: f.user_name, field: "user.name" },
    { name: t("fact.agent"), value: f.agent, mono: true, field: "agent" },
    { name: t("fact.id"), value: f.id, mono: true },
  ];
}

function Rows({ of }: { of: Fact[] }) {
  return <>{of.map((fact) => fact.value !== null && <div key={fact.name}><dt>{fact.name}</dt><Value of={fact} /></div>)}</>;
}

export function Facts({ of: f, known }: { of: Finding; known: boolean }) {
  return (
    <dl class="facts">
      <div><dt>{t("fact.first")}</dt><dd><Time ms={f.first_seen_ms} full /></dd></div>
      <div><dt>{t("fact.last")}</dt><dd><Time ms={f.last_seen_ms} full /></dd></div>
      <div><dt>{t("fact.count")}</dt><dd class="number">{number(f.count)}</dd></div>
      <Rows of={where(f)} />
      <Rows of={what(f, known)} />
      {f.tags.length > 0 && (
        <div>
          <dt>{t("fact.tags")}</dt>
          <dd><ul class="tags">{f.tags.map((tag) => <li key={tag} class="tag"><Text of={tag} /></li>)}</ul></dd>
        </div>
      )}
    </dl>
  );
}
