// The rules of a policy: each with its switch and what is done beside the alert.
import { useState } from "preact/hooks";
import { t } from "../core/i18n";
import { ACTIONS, bandOf, type Action, type Draft, type PolicyRule } from "../core/policy";
import { visibleText } from "../core/visible";
import type { DocumentSummary } from "../generated/schemas";
import { Button, Empty, Severity } from "../ui/parts";
import { Switch } from "../ui/switch";
import { AddRules, useRules } from "./policies-pick";
import { ActionNames, isHarsh, RuleName } from "./policies-parts";

interface RowProps {
  rule: PolicyRule;
  known: DocumentSummary | undefined;
  severity: number | null;
  /** undefined: only to be looked at. */
  onChange: ((rule: PolicyRule | null) => void) | undefined;
}

function Actions({ rule, onChange }: { rule: PolicyRule; onChange: (actions: Action[]) => void }) {
  const toggle = (action: Action) => onChange(rule.actions.includes(action)
    ? rule.actions.filter((one) => one !== action) : [...rule.actions, action]);
  return (
    <div class="actions" role="group" aria-label={t("policy.actionsOf", { name: visibleText(rule.name) })}>
      {ACTIONS.map((action) => (
        <button key={action} type="button" class={`act-button ${isHarsh(action) ? "harsh" : ""}`}
          aria-pressed={rule.actions.includes(action)} title={t(`policy.action.${action}.help`)} onClick={() => toggle(action)}>
          {t(`policy.action.${action}`)}
        </button>
      ))}
    </div>
  );
}

function Row({ rule, known, severity, onChange }: RowProps) {
  const score = rule.severity ?? severity ?? known?.severity;
  return (
    <tr class={rule.enabled ? "" : "is-off"}>
      <td>
        <Switch on={rule.enabled} label={t("policy.switchRule", { name: visibleText(rule.name) })} disabled={!onChange}
          onChange={(enabled) => onChange?.({ ...rule, enabled })} />
      </td>
      <td>
        <RuleName name={rule.name} />
        {known && known.enabled === false && <div class="faint">{t("policy.ruleOff")}</div>}
      </td>
      <td>{typeof score === "number" && <Severity band={bandOf(score)} score={score} />}</td>
      <td>
        {onChange ? <Actions rule={rule} onChange={(actions) => onChange({ ...rule, actions })} />
          : <ActionNames of={rule.actions} />}
      </td>
      {onChange && (
        <td class="right">
          <Button kind="quiet" class="small" onClick={() => onChange(null)}
            aria-label={t("policy.takeOutRule", { name: visibleText(rule.name) })}>{t("policy.takeOut")}</Button>
        </td>
      )}
    </tr>
  );
}

interface Props { draft: Draft; onChange: ((draft: Draft) => void) | undefined }

export function PolicyRules({ draft, onChange }: Props) {
  const library = useRules();
  const [text, setText] = useState("");
  const [adding, setAdding] = useState(false);
  const known = new Map((library.data ?? []).map((rule) => [rule.name, rule]));
  const fitting = draft.rules.filter((rule) => rule.name.toLowerCase().includes(text.trim().toLowerCase()));
  const change = onChange && ((name: string) => (to: PolicyRule | null) => onChange({ ...draft,
    rules: draft.rules.flatMap((rule) => rule.name !== name ? [rule] : to ? [to] : []) }));
  const columns = ["on", "rule", "severity", "actions"] as const;
  return (
    <>
      <div class="inline">
        <input id="policy-search" type="search" value={text} aria-label={t("policy.searchRules")} maxLength={200}
          placeholder={t("policy.searchRules")} onInput={(event) => setText(event.currentTarget.value)} />
        <span class="space" />
        {onChange && <Button onClick={() => setAdding(true)}>{t("policy.addRules")}</Button>}
      </div>
      {draft.rules.length === 0 ? <Empty title="policy.noRules">{t("policy.noRulesHelp")}</Empty>
        : fitting.length === 0 ? <Empty title="policy.noRulesFit">{t("policy.noRulesFitHelp")}</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label={t("policy.rules")}>
            <table class="table policy-rules">
              <thead>
                <tr>
                  {columns.map((column) => <th key={column} scope="col">{t(`policy.col.${column}`)}</th>)}
                  {onChange && <th scope="col"><span class="unseen-label">{t("policy.col.remove")}</span></th>}
                </tr>
              </thead>
              <tbody>{fitting.map((rule) => (
                <Row key={rule.name} rule={rule} known={known.get(rule.name)} severity={draft.severity}
                  onChange={change?.(rule.name)} />
              ))}</tbody>
            </table>
          </div>
        )}
      {adding && onChange && (
        <AddRules without={new Set(draft.rules.map((rule) => rule.name))} onClose={() => setAdding(false)}
          onAdd={(names) => {
            setAdding(false);
            onChange({ ...draft, rules: [...draft.rules, ...names.map((name) => ({ name, enabled: true, actions: [] }))] });
          }} />
      )}
    </>
  );
}
