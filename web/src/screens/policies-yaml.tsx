// A policy as YAML, with the engine's word while one types.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { may } from "../core/session";
import type { Policy } from "../generated/schemas";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Parts } from "./list-text";
import { textOf } from "./policies-review";
import { useEngine, type Checked } from "./policies-settings";

/** Without places where the engine did not see the text as it is written. */
export function Faults({ checked, places }: { checked: Checked | undefined; places: boolean }) {
  const faults = checked?.state === "bad" ? checked.faults : [];
  return (
    <div class="engine" role="status">
      {checked?.state === "checking" && <p class="faint">{t("policy.checking")}</p>}
      {checked?.state === "good" && <p class="good">✓ {t("policy.yamlGood")}</p>}
      {faults.length > 0 && (
        <>
          <p class="fault">× {t("policy.yamlBad", { count: faults.length })}</p>
          <ul>{faults.map((fault, i) => (
            <li key={i}>
              {places && fault.line !== undefined && (
                <span class="faint">{t("policy.at", { line: fault.line, column: fault.column ?? 1 })} </span>
              )}
              <Text of={fault.message} />{fault.hint && <span class="faint"> <Text of={fault.hint} /></span>}
            </li>
          ))}</ul>
        </>
      )}
    </div>
  );
}

function Editor({ policy, onSaved }: { policy: Policy; onSaved: (version: number) => void }) {
  const before = textOf(policy);
  const [version] = useState(policy.version);
  const [text, setText] = useState(before);
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const changed = text !== before;
  const checked = useEngine(changed ? text : undefined);
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = { text, version, ...(comment ? { comment } : {}) };
    api("PUT /v1/policies/{name}", { path: { name: policy.name }, body }).then((made) => {
      done(t("policy.saved"));
      onSaved(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <form class="form" onSubmit={submit}>
      <Field label={t("policy.yaml")} name="yaml" value={text} onText={setText}
        rows={Math.min(40, before.split("\n").length + 3)} />
      <Faults checked={checked} places={!policy.parts.some((part) => part.part === "toggle")} />
      {changed && (
        <>
          {policy.origin === "managed" && !policy.overridden && <p class="note">{t("policy.copyNote")}</p>}
          <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
            help={t("history.commentHelp")} />
        </>
      )}
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        {changed && <Button onClick={() => setText(before)}>{t("policy.discard")}</Button>}
        <Button kind="primary" submit busy={busy} disabled={!changed}>{t("policy.yamlSave")}</Button>
      </div>
    </form>
  );
}

export function PolicyYaml({ policy, onSaved }: { policy: Policy; onSaved: (version: number) => void }) {
  const others = policy.parts.filter((part) => part.text !== textOf(policy) || !may("content"));
  return (
    <>
      {may("content") ? <Editor key={policy.version} policy={policy} onSaved={onSaved} />
        : <p class="faint">{t("policy.yamlRead")}</p>}
      <Parts parts={others} />
    </>
  );
}
