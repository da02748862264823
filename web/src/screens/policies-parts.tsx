// What several screens of policies show: severity, actions, the switch of a policy with its question.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { bandOf, HARSH, isAction, type Action } from "../core/policy";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import { Dialog } from "../ui/dialog";
import { Button, Failure, Severity } from "../ui/parts";
import { Switch } from "../ui/switch";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";

export function PolicySeverity({ of }: { of: number | null }) {
  return of === null ? <span class="faint">{t("policies.byPriority")}</span> : <Severity band={bandOf(of)} score={of} />;
}

export function actionText(actions: readonly string[]): string {
  const names = actions.filter(isAction).map((action) => t(`policy.action.${action}`));
  return names.length > 0 ? names.join(", ") : t("policy.none");
}

export function isHarsh(action: Action): boolean {
  return HARSH.includes(action);
}

export function ActionNames({ of }: { of: readonly string[] }) {
  const actions = of.filter(isAction);
  if (actions.length === 0) return <span class="faint">{t("policy.none")}</span>;
  return (
    <ul class="tags">{actions.map((action) => (
      <li key={action} class={`tag act ${isHarsh(action) ? "harsh" : ""}`} title={t(`policy.action.${action}.help`)}>
        {t(`policy.action.${action}`)}
      </li>
    ))}</ul>
  );
}

interface Props {
  name: string;
  on: boolean;
  rules: number;
  actions: readonly string[];
  onSaved: (version: number) => void;
}

function Question({ name, on, rules, actions, busy, error, onYes, onClose }:
  Omit<Props, "onSaved"> & { busy: boolean; error: unknown; onYes: () => void; onClose: () => void }) {
  const of = { name: visibleText(name) };
  const harsh = actions.filter(isAction).filter(isHarsh);
  return (
    <Dialog title={t(on ? "policy.switchOffTitle" : "policy.switchOnTitle", of)} onClose={onClose}>
      <p>{on ? t("policy.switchOffText", { count: rules }) : t("policy.switchOnText", { actions: actionText(harsh) })}</p>
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={onYes}>{t(on ? "policy.switchOff" : "policy.switchOn")}</Button>
      </div>
    </Dialog>
  );
}

/** Asks before what stops detection, and before what acts on applications. */
export function PolicySwitch({ name, on, rules, actions, onSaved }: Props) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = () => {
    setBusy(true);
    setError(undefined);
    api("PATCH /v1/policies/{name}", { path: { name }, body: { enabled: !on } }).then((made) => {
      done(t(on ? "policy.isOff" : "policy.isOn", { name: visibleText(name) }));
      setAsking(false);
      setBusy(false);
      onSaved(made.version);
    }, (e: unknown) => { setAsking(true); setError(e); setBusy(false); });
  };
  const change = () => {
    setError(undefined);
    if (on || actions.filter(isAction).some(isHarsh)) setAsking(true);
    else save();
  };
  return (
    <>
      <Switch on={on} label={t("policies.switch", { name: visibleText(name) })} disabled={!may("content") || busy}
        onChange={change} />
      {asking && (
        <Question name={name} on={on} rules={rules} actions={actions} busy={busy} error={error} onYes={save}
          onClose={() => setAsking(false)} />
      )}
    </>
  );
}

export function RuleName({ name }: { name: string }) {
  return <a href={`/rules/${encodeURIComponent(name)}`}><Text of={name} /></a>;
}
