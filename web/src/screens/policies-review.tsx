// What saving a policy changes, in words; with a comment it is saved.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { changesOf, yamlOf, type Change, type Draft } from "../core/policy";
import type { Policy } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { done } from "../ui/toasts";
import { actionText, isHarsh } from "./policies-parts";

function score(value: number | null): string {
  return value === null ? t("policies.byPriority") : value.toFixed(1);
}

export function changeText(change: Change): string {
  switch (change.what) {
    case "severity": return t("policy.change.severity", { from: score(change.from), to: score(change.to) });
    case "scope": return t("policy.change.scope",
      { from: change.from || t("policies.everywhere"), to: change.to || t("policies.everywhere") });
    case "channels": return t("policy.change.channels",
      { from: change.from || t("policy.nothing"), to: change.to || t("policy.nothing") });
    case "actions": return t("policy.change.actions",
      { rule: change.rule, from: actionText(change.from), to: actionText(change.to) });
    default: return t(`policy.change.${change.what}`, { rule: change.rule });
  }
}

const SIGNS = { added: "+", removed: "−", on: "+", off: "−", severity: "~", scope: "~", channels: "~", actions: "~" } as const;

function isDangerous(change: Change): boolean {
  return change.what === "actions" && change.to.some((action) => isHarsh(action) && !change.from.includes(action));
}

/** The text that counts now: comments in it are lost by a save from the form. */
export function textOf(policy: Policy): string {
  const of = (part: string) => policy.parts.find((one) => one.part === part)?.text;
  return of("override") ?? of("own") ?? of("managed") ?? "";
}

interface Props {
  policy: Policy;
  before: Draft;
  draft: Draft;
  version: number;
  onClose: () => void;
  onSaved: (version: number) => void;
}

export function Review({ policy, before, draft, version, onClose, onSaved }: Props) {
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const changes = changesOf(before, draft);
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = { text: yamlOf(draft), version, ...(comment ? { comment } : {}) };
    api("PUT /v1/policies/{name}", { path: { name: policy.name }, body }).then((made) => {
      done(t("policy.saved"));
      onSaved(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("policy.reviewTitle")} onClose={onClose} wide>
      <form class="form" onSubmit={submit}>
        <ul class="changes">{changes.map((change, i) => (
          <li key={i} class={`change-${change.what}`}>
            <span class="sign" aria-hidden="true">{SIGNS[change.what]}</span>{changeText(change)}
          </li>
        ))}</ul>
        {changes.some(isDangerous) && <p class="note harsh">{t("policy.harshNote")}</p>}
        {policy.origin === "managed" && !policy.overridden && <p class="note">{t("policy.copyNote")}</p>}
        {/^\s*#|\s#/m.test(textOf(policy)) && <p class="note">{t("policy.commentsLost")}</p>}
        <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000} autofocus
          help={t("history.commentHelp")} />
        {error !== undefined && <Failure error={error} />}
        <p class="faint">{t("policy.reviewText")}</p>
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={changes.length === 0}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
