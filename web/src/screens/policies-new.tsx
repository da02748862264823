// A new policy: of rules that are chosen, or like one that there is. One of chosen rules is on at once and only alerts:
// switched off it would stop those that nothing else names. A copy begins switched off, as it may act.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { draftOf, yamlOf, type Draft } from "../core/policy";
import { go } from "../core/router";
import { visibleText } from "../core/visible";
import type { Policies } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field, Select } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { done } from "../ui/toasts";
import { Pick } from "./policies-pick";

interface Props { taken: Policies["items"]; onClose: () => void }

async function draftFor(name: string, from: string, rules: ReadonlySet<string>): Promise<Draft> {
  const empty: Draft = { name, enabled: true, scope: "", severity: null, channels: [],
    rules: [...rules].map((rule) => ({ name: rule, enabled: true, actions: [] })) };
  if (from === "") return empty;
  return { ...draftOf(await api("GET /v1/policies/{name}", { path: { name: from } })), name, enabled: false };
}

export function NewPolicy({ taken, onClose }: Props) {
  const [name, setName] = useState("");
  const [from, setFrom] = useState("");
  const [rules, setRules] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const wanted = name.trim();
  const fault = taken.some((policy) => policy.name === wanted) ? t("policies.taken") : undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    draftFor(wanted, from, rules).then((draft) => api("POST /v1/policies", { body: { text: yamlOf(draft) } })).then(() => {
      done(t("policies.made"));
      go(`/policies/${encodeURIComponent(wanted)}`);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("policies.new")} onClose={onClose} wide>
      <form class="form" onSubmit={submit}>
        <Field label={t("lists.name")} name="name" value={name} onText={setName} maxLength={200} required autofocus fault={fault}
          help={t(from === "" ? "policies.newHelp" : "policies.copyHelp")} />
        <div class="kind-row">
          <Select label={t("policies.from")} value={from} onChoose={setFrom}
            choices={[{ value: "", label: t("policies.fromNothing") },
              ...taken.map(({ name: one }) => ({ value: one, label: t("policies.fromCopy", { name: visibleText(one) }) }))]} />
        </div>
        {from === "" && <Pick without={new Set()} chosen={rules} onChange={setRules} />}
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!wanted || fault !== undefined}>{t("policies.make")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
