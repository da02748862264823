// The rows of the library.
import { useState } from "preact/hooks";
import type { DocumentSummary } from "../generated/schemas";
import { api } from "../core/api";
import { pathOf, type Item, type Kind } from "../core/content";
import { language, number, t } from "../core/i18n";
import { bandOf } from "../core/library";
import { urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import { Severity, Time } from "../ui/parts";
import { Switch } from "../ui/switch";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";

interface RowsProps {
  items: readonly Item[];
  onChanged: () => void;
}

const TAGS = 3;

/** On or off; the server makes a version of it. */
export function RuleSwitch({ rule, onChanged }:
  { rule: Pick<DocumentSummary, "name" | "enabled">; onChanged: (version: number) => void }) {
  const [busy, setBusy] = useState(false);
  const on = rule.enabled === true;
  const change = (enabled: boolean) => {
    setBusy(true);
    api("PATCH /v1/rules/{name}", { path: { name: rule.name }, body: { enabled } }).then(({ version }) => {
      done(t(enabled ? "rules.switchedOn" : "rules.switchedOff", { name: visibleText(rule.name) }));
      onChanged(version);
    }, failed).finally(() => setBusy(false));
  };
  return <Switch on={on} disabled={busy || !may("content")} onChange={change}
    label={t("rules.switch", { name: visibleText(rule.name) })} />;
}

export function Origin({ of }: { of: Pick<DocumentSummary, "origin" | "overridden" | "conflict"> }) {
  return (
    <>
      <span>{t(`rules.origin.${of.origin}`)}</span>
      {of.overridden && <div><span class="tag">{t("rules.changedHere")}</span></div>}
      {of.conflict && <div><span class="tag warn">{t("rules.conflictMark")}</span></div>}
    </>
  );
}

function Changed({ of }: { of: Item }) {
  if (!of.changed) return <span class="faint">{t("rules.asDelivered")}</span>;
  return (
    <>
      <Time ms={of.changed.time_ms} />
      <div class="faint"><Text of={of.changed.author} /></div>
    </>
  );
}

function What({ kind, of }: { kind: Kind; of: Item }) {
  const tags = of.tags ?? [];
  const title = language.value === "en" ? undefined : of.title;
  return (
    <td class="what">
      <a href={pathOf(kind, of.name)}><Text of={title ?? of.name} mono={kind === "macros"} /></a>
      {title !== undefined && <div class="faint"><Text of={of.name} /></div>}
      <div class="faint one-line"><Text of={kind === "rules" ? of.description : of.condition} mono={kind === "macros"} /></div>
      {tags.length > 0 && (
        <ul class="tags">
          {tags.slice(0, TAGS).map((tag) => <li key={tag}><a class="tag" href={urlWith({ tag })}><Text of={tag} /></a></li>)}
          {tags.length > TAGS && <li class="faint">+{number(tags.length - TAGS)}</li>}
        </ul>
      )}
    </td>
  );
}

function UsedBy({ of }: { of: Item }) {
  const policies = of.policies ?? [];
  if (policies.length === 0) return <span class="faint">{t("rules.noPolicy")}</span>;
  return (
    <>{policies.map((name) =>
      <div key={name}><a href={`/policies/${encodeURIComponent(name)}`}><Text of={name} /></a></div>)}</>
  );
}

export function RuleRows({ items, onChanged }: RowsProps) {
  return (
    <table class="table library">
      <thead>
        <tr>{(["severity", "rule", "usedBy", "origin", "changed", "enabled"] as const).map((column) =>
          <th key={column} scope="col" class={`col-${column}`}>{t(`rules.col.${column}`)}</th>)}</tr>
      </thead>
      <tbody>
        {items.map((rule) => (
          <tr key={rule.name} class={rule.enabled ? "" : "off"}>
            <td>{rule.severity != null && <Severity band={bandOf(rule.severity)} score={rule.severity} />}</td>
            <What kind="rules" of={rule} />
            <td data-label={t("rules.col.usedBy")}><UsedBy of={rule} /></td>
            <td data-label={t("rules.col.origin")}><Origin of={rule} /></td>
            <td data-label={t("rules.col.changed")}><Changed of={rule} /></td>
            <td><RuleSwitch rule={rule} onChanged={onChanged} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function MacroRows({ items }: RowsProps) {
  return (
    <table class="table library macros">
      <thead>
        <tr>{(["macro", "rulesCount", "origin", "changed"] as const).map((column) =>
          <th key={column} scope="col" class={`col-${column}`}>{t(`rules.col.${column}`)}</th>)}</tr>
      </thead>
      <tbody>
        {items.map((macro) => (
          <tr key={macro.name}>
            <What kind="macros" of={macro} />
            <td class="number" data-label={t("rules.col.rulesCount")}>{number(macro.rules_count ?? 0)}</td>
            <td data-label={t("rules.col.origin")}><Origin of={macro} /></td>
            <td data-label={t("rules.col.changed")}><Changed of={macro} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
