// Importing a file of indicators, plain or CSV: what is in it is guessed from its beginning, sent with progress, and
// told line by line where it does not fit.
import { useEffect, useRef, useState } from "preact/hooks";
import { number, t } from "../core/i18n";
import { columnOf, feedOf, kindOfFeed, type Feed, type Kind } from "../core/list-kind";
import { problemOfSent, upload, uploadUrl, type Sent } from "../core/upload";
import { visibleText } from "../core/visible";
import { Dialog } from "../ui/dialog";
import { Field, Select } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Text } from "../ui/text";

const LIMIT = 64 * 1024 * 1024;
const LOOK = 64 * 1024;
const ROWS = 5;

export interface Options {
  csv: boolean;
  kind: Kind;
  column: number;
  delimiter: string;
  header: boolean;
  replace: boolean;
  skip: boolean;
}

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

interface Result { lines: number; added: number; duplicates: number; comments: number; empty: number; normalised: number;
  invalid: number; version: number; problems: Array<{ line: number; text: string; reason: string }> }

function resultOf(body: Record<string, unknown>): Result {
  const of = (name: string) => typeof body[name] === "number" ? body[name] as number : 0;
  return { lines: of("lines"), added: of("added"), duplicates: of("duplicates"), comments: of("comments"), empty: of("empty"),
    normalised: of("normalised"), invalid: of("invalid"), version: of("version"),
    problems: Array.isArray(body.problems) ? body.problems as Result["problems"] : [] };
}

function Problems({ result }: { result: Result }) {
  if (result.problems.length === 0) return null;
  return (
    <div class="scroll short" tabIndex={0} role="region" aria-label={t("import.problems")}>
      <table class="table">
        <thead><tr><th scope="col" class="right">{t("import.line")}</th><th scope="col">{t("import.text")}</th>
          <th scope="col">{t("import.reason")}</th></tr></thead>
        <tbody>{result.problems.map((one, i) => (
          <tr key={i}><td class="right number">{number(one.line)}</td><td><Text of={one.text} mono /></td><td><Text of={one.reason} /></td></tr>
        ))}</tbody>
      </table>
      {result.invalid > result.problems.length && (
        <p class="faint">{t("import.moreProblems", { count: result.invalid - result.problems.length })}</p>
      )}
    </div>
  );
}

export function Told({ result }: { result: Result }) {
  const rows = (["lines", "added", "duplicates", "normalised", "comments", "empty", "invalid"] as const)
    .filter((name) => name === "lines" || name === "added" || result[name] > 0);
  return (
    <>
      <dl class="tiles small">
        {rows.map((name) => (
          <div key={name} class={`tile ${name === "invalid" ? "unhealthy" : name === "added" ? "healthy" : ""}`}>
            <dt>{t(`import.${name}`)}</dt><dd>{number(result[name])}</dd>
          </div>
        ))}
      </dl>
      <Problems result={result} />
    </>
  );
}

function Sample({ feed, column }: { feed: Feed; column: number }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("import.sample")}>
      <table class="table sample">
        {feed.columns.length > 0 && (
          <thead><tr>{feed.columns.map((name, i) => (
            <th key={i} scope="col" class={i + 1 === column ? "chosen" : ""}><Text of={name} /></th>
          ))}</tr></thead>
        )}
        <tbody>{feed.rows.slice(0, ROWS).map((row, i) => (
          <tr key={i}>{row.map((field, k) => (
            <td key={k} class={feed.csv && k + 1 === column ? "chosen" : ""}><Text of={field} mono /></td>
          ))}</tr>
        ))}</tbody>
      </table>
    </div>
  );
}

const KIND_ORDER = ["text", "filename", "path", "domain", "hash", "address"] as const;

function Form({ feed, options, onChange, onShape }:
  { feed: Feed; options: Options; onChange: (to: Partial<Options>) => void; onShape: (csv: boolean, delimiter?: string) => void }) {
  const width = Math.min(50, Math.max(1, feed.columns.length, ...feed.rows.map((row) => row.length)));
  const columns = Array.from({ length: width }, (_, i) => ({ value: String(i + 1),
    label: feed.columns[i] ? `${i + 1}: ${visibleText(feed.columns[i])}` : String(i + 1) }));
  const delimiters = [",", ";", "\t", "|"].map((d) => ({ value: d, label: d === "\t" ? t("import.tab") : d }));
  return (
    <>
      <div class="options">
        <Select label={t("import.format")} value={options.csv ? "csv" : "plain"} onChoose={(to) => onShape(to === "csv")}
          choices={[{ value: "plain", label: t("import.plain") }, { value: "csv", label: "CSV" }]} />
        {options.csv && (
          <>
            <Select label={t("import.delimiter")} value={options.delimiter} onChoose={(to) => onShape(true, to)} choices={delimiters} />
            <Select label={t("import.column")} value={String(options.column)} choices={columns}
              onChoose={(to) => onChange({ column: Number(to) })} />
          </>
        )}
        <Select label={t("list.kind")} value={options.kind} onChoose={(kind) => onChange({ kind })}
          choices={KIND_ORDER.map((kind) => ({ value: kind, label: t(`list.kind.${kind}`) }))} />
        <Select label={t("import.mode")} value={options.replace ? "replace" : "append"}
          onChoose={(to) => onChange({ replace: to === "replace" })}
          choices={[{ value: "append", label: t("import.append") }, { value: "replace", label: t("import.replace") }]} />
      </div>
      {options.csv && (
        <label class="check">
          <input type="checkbox" checked={options.header} onChange={(event) => onChange({ header: event.currentTarget.checked })} />
          {t("import.header")}
        </label>
      )}
      <label class="check">
        <input type="checkbox" checked={options.skip} onChange={(event) => onChange({ skip: event.currentTarget.checked })} />
        {t("import.skip")}
      </label>
      <p class="faint">{t(`list.form.${options.kind}`)}</p>
      {options.replace && <p class="note">{t("import.replaceWarn")}</p>}
      <h3>{t("import.sample")}</h3>
      <Sample feed={feed} column={options.column} />
    </>
  );
}

function urlFor(name: string, o: Options, comment: string): string {
  return uploadUrl("POST /v1/lists/{name}/import", { name }, {
    format: o.csv ? "csv" : "plain", kind: o.kind, mode: o.replace ? "replace" : "append", invalid: o.skip ? "skip" : "refuse",
    ...(o.csv ? { column: String(o.column), delimiter: o.delimiter, header: String(o.header) } : {}), comment,
  });
}

type Phase = "choose" | "sending" | "working" | "told";

interface Props { name: string; kind: Kind; onClose: () => void; onSaved: (version: number) => void }

export function Import({ name, kind, onClose, onSaved }: Props) {
  const [file, setFile] = useState<File>();
  const [text, setText] = useState("");
  const [feed, setFeed] = useState<Feed>();
  const [options, setOptions] = useState<Options>();
  const [comment, setComment] = useState("");
  const [phase, setPhase] = useState<Phase>("choose");
  const [share, setShare] = useState(0);
  const [result, setResult] = useState<Result>();
  const [error, setError] = useState<unknown>();
  const control = useRef<AbortController>();
  useEffect(() => () => control.current?.abort(), []);

  const choose = (chosen: File | undefined) => {
    setFile(chosen);
    setResult(undefined);
    setError(undefined);
    setFeed(undefined);
    setOptions(undefined);
    if (!chosen || chosen.size > LIMIT || chosen.size === 0) return;
    look(chosen).then((start) => {
      const found = feedOf(start, chosen.name);
      setText(start);
      setFeed(found);
      setOptions(guess(found, kind));
    }, setError);
  };
  const reshape = (csv: boolean, delimiter?: string) => {
    const found = feedOf(text, file?.name ?? "", csv, delimiter);
    setFeed(found);
    setOptions((old) => ({ ...guess(found, kind), replace: old?.replace ?? false, skip: old?.skip ?? false }));
  };
  const take = (sent: Sent) => {
    setPhase(sent.status < 300 ? "told" : "choose");
    if (sent.status < 300 || sent.body.code === "invalid_items") {
      const told = resultOf(sent.body);
      setResult(told);
      if (sent.status < 300) onSaved(told.version);
    } else {
      setError(problemOfSent(sent));
    }
  };
  const send = (more: Partial<Options> = {}) => {
    if (!file || !options) return;
    control.current = new AbortController();
    setPhase("sending");
    setShare(0);
    setResult(undefined);
    setError(undefined);
    if (Object.keys(more).length > 0) setOptions({ ...options, ...more });
    upload({ url: urlFor(name, { ...options, ...more }, comment), file, signal: control.current.signal,
      onProgress: (to) => { setShare(to); if (to >= 1) setPhase("working"); } }).then(take, (e: unknown) => {
      setPhase("choose");
      if (!(e instanceof DOMException)) setError(e);
    });
  };
  const busy = phase === "sending" || phase === "working";
  return (
    <Dialog title={t("import.title", { name: visibleText(name) })} onClose={onClose} wide>
      <form class="form" onSubmit={(event) => { event.preventDefault(); send(); }}>
        {phase !== "told" && (
          <div class="field">
            <label for="import-file">{t("import.file")}</label>
            <input id="import-file" type="file" accept=".txt,.csv,.tsv,.list,.ioc,text/plain,text/csv" disabled={busy}
              aria-describedby="import-file-about" onChange={(event) => choose(event.currentTarget.files?.[0])} />
            <p id="import-file-about" class={file && file.size > LIMIT ? "fault" : "faint"}>
              {file && file.size > LIMIT ? t("import.tooLarge", { size: size(file.size), limit: size(LIMIT) })
                : file && file.size === 0 ? t("import.emptyFile")
                  : file ? t("import.chosen", { size: size(file.size) }) : t("import.help", { limit: size(LIMIT) })}
            </p>
          </div>
        )}
        {phase === "choose" && feed && options && (
          <>
            <Form feed={feed} options={options} onShape={reshape} onChange={(to) => setOptions({ ...options, ...to })} />
            <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
              help={t("history.commentHelp")} />
          </>
        )}
        {busy && (
          <div class="sending" role="status">
            <p>{phase === "sending" ? t("import.sending", { percent: Math.floor(share * 100) }) : t("import.working")}</p>
            <progress {...(phase === "sending" ? { max: 1, value: share } : {})} aria-label={t("import.progress")} />
          </div>
        )}
        {result && phase === "choose" && <p class="failure" role="alert">{t("import.refused", { count: result.invalid })}</p>}
        {result && <Told result={result} />}
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          {phase === "told" ? <Button kind="primary" onClick={onClose}>{t("action.close")}</Button> : (
            <>
              <Button onClick={onClose}>{t("action.cancel")}</Button>
              {result && !busy && <Button onClick={() => send({ skip: true })}>{t("import.without")}</Button>}
              <Button kind="primary" submit busy={busy} disabled={!options}>{t("import.do")}</Button>
            </>
          )}
        </div>
      </form>
    </Dialog>
  );
}
