// Importing a file of indicators, plain or CSV: what is in it is guessed from its beginning, sent with progress, and
// told line by line where it does not fit.
import { useEffect, useRef, useState } from "preact/hooks";
import { number, t } from "../core/i18n";
import { columnOf, feedOf, kindOfFeed, type Feed, type Kind } from "../core/list-kind";
import { problemOfSent, upload, uploadUrl, type Sent } from "../core/upload";
import { visibleText } from "../core/visible";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Form, resultOf, Told, type Options, type Result } from "./list-import-parts";

const LIMIT = 64 * 1024 * 1024;
const LOOK = 64 * 1024;

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? t("import.kb", { size: number(Math.ceil(bytes / 1024)) })
    : t("import.mb", { size: number(Math.round(bytes / 1024 / 102.4) / 10) });
}

async function look(file: File): Promise<string> {
  const text = await file.slice(0, LOOK).text();
  const end = file.size > LOOK ? text.lastIndexOf("\n") : -1;
  return end > 0 ? text.slice(0, end) : text;
}

function guess(feed: Feed, listKind: Kind): Options {
  const column = feed.csv ? columnOf(feed) : 1;
  const items = feed.rows.map((row) => row[column - 1] ?? "").filter(Boolean);
  const found = kindOfFeed(items);
  return { csv: feed.csv, delimiter: feed.delimiter, header: feed.header, column, replace: false, skip: false,
    kind: found === "text" ? listKind : found };
}

function urlFor(name: string, o: Options, comment: string): string {
  return uploadUrl("POST /v1/lists/{name}/import", { name }, {
    format: o.csv ? "csv" : "plain", kind: o.kind, mode: o.replace ? "replace" : "append", invalid: o.skip ? "skip" : "refuse",
    ...(o.csv ? { column: String(o.column), delimiter: o.delimiter, header: String(o.header) } : {}), comment,
  });
}

interface Chosen { file: File; start: string; feed: Feed; options: Options }

/** The file that was chosen, how it is read, and why it cannot be. */
function useFile(kind: Kind) {
  const [file, setFile] = useState<File>();
  const [chosen, setChosen] = useState<Chosen>();
  const choose = (to: File | undefined) => {
    setFile(to);
    setChosen(undefined);
    if (!to || to.size > LIMIT || to.size === 0) return;
    look(to).then((start) => {
      const feed = feedOf(start, to.name);
      setChosen({ file: to, start, feed, options: guess(feed, kind) });
    }, () => setFile(undefined));
  };
  const shape = (csv: boolean, delimiter?: string) => setChosen((old) => {
    if (!old) return old;
    const feed = feedOf(old.start, old.file.name, csv, delimiter);
    const { replace, skip } = old.options;
    return { ...old, feed, options: { ...guess(feed, kind), replace, skip } };
  });
  const change = (to: Partial<Options>) => setChosen((old) => old && { ...old, options: { ...old.options, ...to } });
  return { file, chosen, choose, shape, change };
}

type Phase = "choose" | "sending" | "working" | "told";
interface Sending { phase: Phase; share: number; result?: Result; error?: unknown }

function after(sent: Sent): Sending {
  const good = sent.status < 300;
  const phase = good ? "told" : "choose";
  if (good || sent.body.code === "invalid_items") return { phase, share: 1, result: resultOf(sent.body) };
  return { phase, share: 1, error: problemOfSent(sent) };
}

function useSending(name: string, onSaved: (version: number) => void) {
  const [state, setState] = useState<Sending>({ phase: "choose", share: 0 });
  const control = useRef<AbortController>();
  useEffect(() => () => control.current?.abort(), []);
  const send = (file: File, options: Options, comment: string) => {
    control.current = new AbortController();
    setState({ phase: "sending", share: 0 });
    upload({ url: urlFor(name, options, comment), file, signal: control.current.signal,
      onProgress: (share) => setState({ phase: share < 1 ? "sending" : "working", share }) }).then((sent) => {
      const next = after(sent);
      setState(next);
      if (next.phase === "told" && next.result) onSaved(next.result.version);
    }, (error: unknown) => {
      if (!(error instanceof DOMException)) setState({ phase: "choose", share: 0, error });
    });
  };
  return { ...state, send, forget: () => setState({ phase: "choose", share: 0 }) };
}

function about(file: File | undefined): string {
  if (!file) return t("import.help", { limit: size(LIMIT) });
  if (file.size > LIMIT) return t("import.tooLarge", { size: size(file.size), limit: size(LIMIT) });
  return file.size === 0 ? t("import.emptyFile") : t("import.chosen", { size: size(file.size) });
}

interface ChooserProps { file: File | undefined; busy: boolean; onChoose: (file: File | undefined) => void }

function Chooser({ file, busy, onChoose }: ChooserProps) {
  const bad = file !== undefined && (file.size > LIMIT || file.size === 0);
  return (
    <div class="field">
      <label for="import-file">{t("import.file")}</label>
      <input id="import-file" type="file" accept=".txt,.csv,.tsv,.list,.ioc,text/plain,text/csv" disabled={busy}
        aria-invalid={bad} aria-describedby="import-file-about" onChange={(event) => onChoose(event.currentTarget.files?.[0])} />
      <p id="import-file-about" class={bad ? "fault" : "faint"}>{about(file)}</p>
    </div>
  );
}

function Progress({ phase, share }: { phase: Phase; share: number }) {
  return (
    <div class="sending" role="status">
      <p>{phase === "sending" ? t("import.sending", { percent: Math.floor(share * 100) }) : t("import.working")}</p>
      <progress {...(phase === "sending" ? { max: 1, value: share } : {})} aria-label={t("import.progress")} />
    </div>
  );
}

interface Props { name: string; kind: Kind; onClose: () => void; onSaved: (version: number) => void }

export function Import({ name, kind, onClose, onSaved }: Props) {
  const { file, chosen, choose, shape, change } = useFile(kind);
  const [comment, setComment] = useState("");
  const { phase, share, result, error, send, forget } = useSending(name, onSaved);
  const busy = phase === "sending" || phase === "working";
  const submit = (event: Event) => {
    event.preventDefault();
    if (chosen) send(chosen.file, chosen.options, comment);
  };
  const without = () => {
    change({ skip: true });
    if (chosen) send(chosen.file, { ...chosen.options, skip: true }, comment);
  };
  return (
    <Dialog title={t("import.title", { name: visibleText(name) })} onClose={onClose} wide>
      <form class="form" onSubmit={submit}>
        {phase !== "told" && <Chooser file={file} busy={busy} onChoose={(to) => { forget(); choose(to); }} />}
        {result && phase === "choose" && <p class="failure" role="alert">{t("import.refused", { count: result.invalid })}</p>}
        {result && <Told result={result} refused={phase === "choose"} />}
        {error !== undefined && <Failure error={error} />}
        {phase === "choose" && chosen && (
          <>
            <Form feed={chosen.feed} options={chosen.options} onShape={shape} onChange={change} />
            <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
              help={t("history.commentHelp")} />
          </>
        )}
        {busy && <Progress phase={phase} share={share} />}
        <div class="buttons">
          {phase === "told" ? <Button kind="primary" onClick={onClose}>{t("action.close")}</Button> : (
            <>
              <Button onClick={onClose}>{t("action.cancel")}</Button>
              {result && !busy && <Button onClick={without}>{t("import.without")}</Button>}
              <Button kind="primary" submit busy={busy} disabled={!chosen}>{t("import.do")}</Button>
            </>
          )}
        </div>
      </form>
    </Dialog>
  );
}
