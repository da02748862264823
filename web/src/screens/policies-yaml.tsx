// A policy as YAML, with the engine's word while one types.
import { useMemo, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import type { Policy } from "../generated/schemas";
import { Diagnostics, summaryOf, useCheck, type Check } from "../ui/diagnostics";
import { Editor } from "../ui/editor";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { done } from "../ui/toasts";
import { Parts } from "./list-text";
import { textOf } from "./policies-review";
import "../styles/rules.css";
import "../styles/editor.css";

function useSave(policy: Policy, onSaved: (version: number) => void) {
  const [version] = useState(policy.version);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = (text: string, comment: string) => {
    setBusy(true);
    setError(undefined);
    const body = { text, version, ...(comment ? { comment } : {}) };
    api("PUT /v1/policies/{name}", { path: { name: policy.name }, body }).then((made) => {
      done(t("policy.saved"));
      onSaved(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return { busy, error, save };
}

/** Of a policy that was switched the engine sees another text than this: its places are of that one. */
function withoutPlaces(check: Check): Check {
  return { ...check, diagnostics: check.diagnostics.map(({ line: _line, column: _column, ...rest }) => rest) };
}

function YamlEditor({ policy, onSaved }: { policy: Policy; onSaved: (version: number) => void }) {
  const before = textOf(policy);
  const [text, setText] = useState(before);
  const [comment, setComment] = useState("");
  const { busy, error, save } = useSave(policy, onSaved);
  const goTo = useRef<(line: number, column: number) => void>();
  const complete = useResource("complete", (signal) => api("GET /v1/content/complete", { signal }));
  const said = useCheck(text);
  const check = useMemo(() => policy.parts.some((part) => part.part === "toggle") ? withoutPlaces(said) : said, [said]);
  const changed = text !== before;
  const run = () => { if (changed && check.ok && !busy) save(text, comment); };
  return (
    <form class="form" onSubmit={(event) => { event.preventDefault(); run(); }}>
      <Editor value={text} onChange={setText} onSave={run} label={t("policy.yaml")} complete={complete.data}
        diagnostics={check.diagnostics} onReady={(go) => { goTo.current = go; }} />
      <p class={`check-state ${check.state}`} role="status">{summaryOf(check)}</p>
      <Diagnostics check={check} onGo={(line, column) => goTo.current?.(line, column)} />
      {changed && policy.origin === "managed" && !policy.overridden && <p class="note">{t("policy.copyNote")}</p>}
      {changed && (
        <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
          help={t("history.commentHelp")} />
      )}
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        {changed && <Button onClick={() => setText(before)}>{t("policy.discard")}</Button>}
        <Button kind="primary" submit busy={busy} disabled={!changed || !check.ok}>{t("policy.yamlSave")}</Button>
      </div>
    </form>
  );
}

export function PolicyYaml({ policy, onSaved }: { policy: Policy; onSaved: (version: number) => void }) {
  const others = policy.parts.filter((part) => part.text !== textOf(policy) || !may("content"));
  return (
    <>
      {may("content") ? <YamlEditor key={policy.version} policy={policy} onSaved={onSaved} />
        : <p class="faint">{t("policy.yamlRead")}</p>}
      <Parts parts={others} />
    </>
  );
}
