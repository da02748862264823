// What a list is written as: the managed text, which nobody edits, and what was made of it here.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { scalar } from "../core/policy";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { Document } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { done } from "../ui/toasts";

interface EditProps { document: Document; onClose: () => void; onSaved: (version: number) => void }

/** Where an override begins: nothing is taken away yet. */
function beginning(document: Document): string {
  const kept = document.parts.find((part) => part.part === (document.origin === "managed" ? "override" : "own"));
  return kept?.text ?? `- list: ${scalar(document.name)}\n  items: []\n  override: {items: append}\n`;
}

function Edit({ document, onClose, onSaved }: EditProps) {
  const managed = document.origin === "managed";
  const [text, setText] = useState(beginning(document));
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = { text, version: document.version, ...(comment ? { comment } : {}) };
    api("PUT /v1/lists/{name}", { path: { name: document.name }, body }).then((made) => {
      done(t("list.textSaved"));
      onSaved(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog wide onClose={onClose}
      title={t(managed ? "list.overrideTitle" : "list.editTitle", { name: visibleText(document.name) })}>
      <form class="form" onSubmit={submit}>
        {managed && <p class="note">{t("list.overrideHelp")}</p>}
        <Field label={t("list.yaml")} name="text" value={text} onText={setText} rows={14} />
        <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
          help={t("history.commentHelp")} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

const PARTS = ["managed", "own", "override", "toggle"] as const;

export function Parts({ parts }: { parts: Document["parts"] }) {
  return (
    <>
      {parts.map((part, i) => {
        const known = PARTS.find((name) => name === part.part);
        return (
          <section key={i} class="part">
            <h2>{known ? t(`part.${known}`) : part.part}
              {!part.in_force && <span class="tag bad">{t("part.notInForce")}</span>}</h2>
            <pre class="source" tabIndex={0}>{part.text.trimEnd().split("\n").map((line, k) => (
              <span key={k} class="line">{visibleText(line)}{"\n"}</span>
            ))}</pre>
          </section>
        );
      })}
    </>
  );
}

const CONFLICTS = ["managed_changed", "managed_gone", "does_not_compile", "name_taken"] as const;

export function Conflict({ conflict }: { conflict: string | null }) {
  if (!conflict) return null;
  const known = CONFLICTS.find((one) => one === conflict);
  return <p class="note" role="note">{known ? t(`conflict.${known}`) : conflict}</p>;
}

export function Definition({ document, onSaved }: { document: Document; onSaved: (version: number) => void }) {
  const [editing, setEditing] = useState(false);
  const managed = document.origin === "managed";
  return (
    <>
      <p class="faint">{t(managed ? "list.managedHelp" : "list.ownHelp")}</p>
      <Parts parts={document.parts} />
      {may("content") && (
        <Button onClick={() => setEditing(true)}>{t(managed ? "list.override" : "list.edit")}</Button>
      )}
      {editing && (
        <Edit document={document} onClose={() => setEditing(false)}
          onSaved={(version) => { setEditing(false); onSaved(version); }} />
      )}
    </>
  );
}
