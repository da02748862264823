// How severe the alerts of a policy are, where it holds, and whom it tells. The engine's word on the scope comes
// while one types.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { severityOf, yamlOf, type Draft } from "../core/policy";
import { tell } from "../core/problem";
import type { ContentChecked } from "../generated/schemas";
import { Field } from "../ui/field";
import { PolicySeverity } from "./policies-parts";
import { Text } from "../ui/text";

const WAIT_MS = 350;
const EXAMPLES = [
  "ecs.cluster = production",
  "container.image.repository endswith /shop",
  "k8s.ns.name in (default, web)",
];

interface Checked { state: "checking" | "good" | "bad"; faults: ContentChecked["diagnostics"] }

/** What the engine says of a text, a moment after it last changed; undefined: there is none. */
function useEngine(text: string | undefined): Checked | undefined {
  const [checked, setChecked] = useState<Checked>();
  useEffect(() => {
    if (text === undefined) {
      setChecked(undefined);
      return undefined;
    }
    const control = new AbortController();
    setChecked((old) => ({ state: "checking", faults: old?.faults ?? [] }));
    const timer = window.setTimeout(() => {
      api("POST /v1/content/check", { body: { text }, signal: control.signal }).then((answer) => {
        setChecked({ state: answer.ok === false ? "bad" : "good", faults: answer.diagnostics });
      }, (error: unknown) => {
        if (control.signal.aborted) return;
        const told = tell(error);
        setChecked({ state: "bad", faults: [{ severity: "error", message: told.detail || told.advice }] });
      });
    }, WAIT_MS);
    return () => { window.clearTimeout(timer); control.abort(); };
  }, [text]);
  return checked;
}

function SeverityChoice({ draft, onChange }: { draft: Draft; onChange: ((draft: Draft) => void) | undefined }) {
  const [text, setText] = useState(draft.severity === null ? "7.0" : draft.severity.toFixed(1));
  const own = draft.severity !== null;
  const fault = own && severityOf(text) === undefined ? t("policy.severityBad") : undefined;
  const type = (to: string) => {
    setText(to);
    const value = severityOf(to);
    if (value !== undefined) onChange?.({ ...draft, severity: value });
  };
  return (
    <fieldset class="panel" disabled={!onChange}>
      <legend>{t("policy.severity")}</legend>
      <label class="check">
        <input type="radio" name="severity" checked={!own} onChange={() => onChange?.({ ...draft, severity: null })} />
        {t("policy.severityBy")}
      </label>
      <label class="check">
        <input type="radio" name="severity" checked={own}
          onChange={() => onChange?.({ ...draft, severity: severityOf(text) ?? 7 })} />
        {t("policy.severityOwn")}
      </label>
      {own && (
        <div class="severity-own">
          <Field label={t("policy.severityNumber")} name="score" value={text} onText={type} maxLength={4} inputMode="decimal"
            fault={fault} />
          <PolicySeverity of={draft.severity} />
        </div>
      )}
    </fieldset>
  );
}

function Scope({ draft, onChange }: { draft: Draft; onChange: ((draft: Draft) => void) | undefined }) {
  const scope = draft.scope.trim();
  const checked = useEngine(scope && onChange ? yamlOf({ ...draft, scope }) : undefined);
  const fault = checked?.state === "bad"
    ? checked.faults.map((one) => [one.message, one.hint].filter(Boolean).join(" – ")).join("\n") : undefined;
  return (
    <section class="panel">
      {onChange ? (
        <Field label={t("policy.scope")} name="scope" value={draft.scope} rows={3} fault={fault}
          onText={(to) => onChange({ ...draft, scope: to })} help={t("policy.scopeHelp")} />
      ) : <><h2>{t("policy.scope")}</h2><p>{scope ? <Text of={scope} mono /> : t("policies.everywhere")}</p></>}
      <p class="engine" role="status">
        {checked?.state === "checking" && <span class="faint">{t("policy.checking")}</span>}
        {checked?.state === "good" && <span class="good">✓ {t("policy.scopeGood")}</span>}
      </p>
      {onChange && (
        <>
          <p class="faint examples-title">{t("policy.scopeExamples")}</p>
          <ul class="plain examples">{EXAMPLES.map((example) => (
            <li key={example}>
              <button type="button" class="link mono" aria-label={t("policy.scopeUse", { text: example })}
                onClick={() => onChange({ ...draft, scope: example })}>{example}</button>
            </li>
          ))}</ul>
        </>
      )}
    </section>
  );
}

function Channels({ draft, onChange }: { draft: Draft; onChange: ((draft: Draft) => void) | undefined }) {
  const [text, setText] = useState(draft.channels.join(", "));
  return (
    <section class="panel">
      {onChange ? (
        <Field label={t("policy.channels")} name="channels" value={text} help={t("policy.channelsHelp")} maxLength={2000}
          onText={(to) => {
            setText(to);
            onChange({ ...draft, channels: [...new Set(to.split(",").map((one) => one.trim()).filter(Boolean))] });
          }} />
      ) : <><h2>{t("policy.channels")}</h2><p><Text of={text} /></p></>}
    </section>
  );
}

export function PolicySettings({ draft, onChange }: { draft: Draft; onChange: ((draft: Draft) => void) | undefined }) {
  return (
    <div class="settings">
      <SeverityChoice draft={draft} onChange={onChange} />
      <Scope draft={draft} onChange={onChange} />
      <Channels draft={draft} onChange={onChange} />
    </div>
  );
}
