// Appending to a list: what would come of each line is shown by the server's own check while one types.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { KINDS, linesOf, type Kind } from "../core/list-kind";
import { visibleText } from "../core/visible";
import type { ContentItemsChecked } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field, Select } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";

const WAIT_MS = 250;
const MOST = 10_000;
const SHOWN = 200;

export function KindSelect({ value, onChoose }: { value: Kind; onChoose: (kind: Kind) => void }) {
  return (
    <Select label={t("list.kind")} value={value} onChoose={onChoose}
      choices={KINDS.map((kind) => ({ value: kind, label: t(`list.kind.${kind}`) }))} />
  );
}

export function Preview({ checked, sent }: { checked: ContentItemsChecked | undefined; sent: readonly string[] }) {
  const counts = (["new", "there", "again", "invalid"] as const).filter((state) => (checked?.[state] ?? 0) > 0);
  return (
    <div class="preview">
      <p role="status">{counts.map((state) => (
        <span key={state} class={`state ${state}`}>{t(`list.count.${state}`, { count: checked?.[state] ?? 0 })}</span>
      ))}</p>
      {checked && checked.items.length > 0 && (
        <ul class="preview-items" tabIndex={0} aria-label={t("list.preview")}>
          {checked.items.slice(0, SHOWN).map((one, i) => (
            <li key={i}>
              <span class={`state ${one.state}`}>{t(`list.state.${one.state}`)}</span>
              <Text of={one.item || sent[i]} mono />
              {one.reason && <span class="fault">{one.reason}</span>}
              {one.state !== "invalid" && sent[i] !== one.item && (
                <span class="faint">{t("list.from", { text: sent[i] ?? "" })}</span>
              )}
            </li>
          ))}
          {checked.items.length > SHOWN && (
            <li class="faint">{t("list.previewMore", { count: checked.items.length - SHOWN })}</li>
          )}
        </ul>
      )}
    </div>
  );
}

function check(name: string, items: string[], kind: Kind, signal?: AbortSignal): Promise<ContentItemsChecked> {
  return api("POST /v1/lists/{name}/check", { path: { name }, body: { items, kind }, ...(signal ? { signal } : {}) });
}

/** What the server says of the lines, a moment after the last key. */
function useCheck(name: string, text: string, kind: Kind): ContentItemsChecked | undefined {
  const [checked, setChecked] = useState<ContentItemsChecked>();
  useEffect(() => {
    const items = linesOf(text);
    if (items.length === 0 || items.length > MOST) {
      setChecked(undefined);
      return undefined;
    }
    const control = new AbortController();
    const timer = window.setTimeout(() => {
      check(name, items, kind, control.signal).then(setChecked, () => undefined);
    }, WAIT_MS);
    return () => { window.clearTimeout(timer); control.abort(); };
  }, [name, text, kind]);
  return checked;
}

async function append(name: string, sent: string[], kind: Kind, note: string) {
  const checked = await check(name, sent, kind);
  if (checked.invalid > 0) return { checked };
  const items = checked.items.map((one) => one.item);
  const body = { items, ...(note ? { note } : {}) };
  return { checked, counts: await api("POST /v1/lists/{name}/append", { path: { name }, body }) };
}

interface Props {
  name: string;
  kind: Kind;
  onClose: () => void;
  onSaved: (version: number) => void;
  onImport: () => void;
}

export function Append({ name, kind: guessed, onClose, onSaved, onImport }: Props) {
  const [text, setText] = useState("");
  const [note, setNote] = useState("");
  const [kind, setKind] = useState<Kind>(guessed);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [refused, setRefused] = useState(0);
  const checked = useCheck(name, text, kind);
  const items = linesOf(text);
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    append(name, items, kind, note).then(({ checked: found, counts }) => {
      setBusy(false);
      setRefused(found.invalid);
      if (!counts) return;
      done(counts.changed > 0 ? t("list.saved", { count: counts.changed }) : t("list.savedNone"));
      onSaved(counts.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("list.appendTitle", { name: visibleText(name) })} onClose={onClose} wide>
      <form onSubmit={submit} class="form">
        <Field label={t("list.appendLabel")} name="items" value={text} rows={5} autofocus
          onText={(to) => { setText(to); setRefused(0); }}
          fault={items.length > MOST ? t("list.tooMany", { most: MOST }) : undefined} />
        <div class="kind-row">
          <KindSelect value={kind} onChoose={setKind} />
          <span class="faint">{t(`list.form.${kind}`)}</span>
        </div>
        <Preview checked={checked} sent={items} />
        <Field label={t("list.note")} name="note" value={note} onText={setNote} maxLength={1000} help={t("list.noteHelp")} />
        {refused > 0 && <p class="failure" role="alert">{t("list.refused", { count: refused })}</p>}
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button kind="quiet" onClick={onImport}>{t("list.importInstead")}</Button>
          <span class="space" />
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={items.length === 0 || items.length > MOST}>
            {t("action.save")}
          </Button>
        </div>
        <p class="faint">{t("list.atOnce", { most: number(MOST) })}</p>
      </form>
    </Dialog>
  );
}
