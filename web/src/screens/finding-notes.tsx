// What people wrote about a finding. Notes stay as they are: they are part of what was done.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import type { Finding } from "../generated/schemas";
import { Field } from "../ui/field";
import { Button, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";

const MOST = 10_000;

function Add({ id, onAdded }: { id: string; onAdded: () => void }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/findings/{id}/notes", { path: { id }, body: { text: text.trim() } })
      .then(() => { setText(""); done(t("finding.note.saved")); onAdded(); }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={submit}>
      <Field label={t("finding.note.label")} name="note" value={text} onText={setText} rows={3} maxLength={MOST}
        help={t("finding.note.help")} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button kind="primary" submit busy={busy} disabled={text.trim() === ""}>{t("finding.note.add")}</Button>
      </div>
    </form>
  );
}

export function Notes({ of }: { of: Finding }) {
  const notes = useResource(`notes ${of.id} ${of.version}`, (signal) =>
    api("GET /v1/findings/{id}/notes", { path: { id: of.id }, signal }));
  if (notes.error !== undefined && !notes.data) return <Failure error={notes.error} retry={notes.reload} />;
  if (!notes.data) return <Loading />;
  return (
    <>
      {notes.data.items.length === 0 && <p class="faint">{t(may("triage") ? "finding.note.none" : "finding.note.noneViewer")}</p>}
      <ol class="finding-notes">
        {notes.data.items.map((note) => (
          <li key={note.id}>
            <div class="faint"><strong><Text of={note.author} /></strong> <Time ms={note.time_ms} full /></div>
            <div class="note-text">
              {note.text.split(/\r?\n/).map((line, i) => <p key={i}>{line === "" ? <br /> : <Text of={line} />}</p>)}
            </div>
          </li>
        ))}
      </ol>
      {may("triage") && <Add id={of.id} onAdded={notes.reload} />}
    </>
  );
}
