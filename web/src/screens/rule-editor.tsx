// Writing a rule or macro: the engine says live what is wrong, kept activity shows what it would find, the difference
// what would be saved; a version somebody else saved meanwhile is shown before it is written over.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { editable, ONE, type Kind } from "../core/content";
import { t } from "../core/i18n";
import { Problem } from "../core/problem";
import { useResource } from "../core/resource";
import { draftOf, keepDraft } from "../core/rule-drafts";
import { namesIn } from "../core/rule-text";
import { Diff } from "../ui/diff";
import { Diagnostics, summaryOf, useCheck } from "../ui/diagnostics";
import { Editor } from "../ui/editor";
import { Button, Failure } from "../ui/parts";
import { Tabs } from "../ui/tabs";
import { RuleText } from "../ui/rule-text";
import { done } from "../ui/toasts";
import { Trial } from "./rule-trial";
import "../styles/policies.css";
import "../styles/rules.css";
import "../styles/editor.css";

export interface Start {
  kind: Kind;
  /** Undefined: a new one. */
  name: string | undefined;
  text: string;
  /** What is saved now; empty: nothing. */
  before: string;
  /** As delivered, where it is a change of that. */
  delivered?: string | undefined;
  version?: number | undefined;
  back: string;
  onSaved: (name: string, version: number) => void;
}

type Side = "try" | "difference" | "delivered" | "help";

function save(start: Start, text: string, comment: string, version: number | undefined): Promise<{ version: number }> {
  const body = { text, ...(comment ? { comment } : {}), ...(version === undefined ? {} : { version }) };
  return start.name === undefined ? api(`POST /v1/${start.kind}`, { body })
    : api(`PUT /v1/${start.kind}/{name}`, { path: { name: start.name }, body });
}

function Theirs({ text, mine, onTake, onKeep }: { text: string; mine: string; onTake: () => void; onKeep: () => void }) {
  return (
    <section class="failure" role="alert">
      <strong>{t("editor.collision")}</strong>
      <Diff before={text} after={mine} label={t("editor.collisionDiff")} />
      <div class="buttons start">
        <Button onClick={onTake}>{t("editor.takeTheirs")}</Button>
        <Button onClick={onKeep}>{t("editor.keepMine")}</Button>
      </div>
    </section>
  );
}

function Help() {
  return (
    <ul class="editor-help">
      {(["keys", "complete", "fields", "lists", "save"] as const).map((one) => <li key={one}>{t(`editor.help.${one}`)}</li>)}
    </ul>
  );
}

function Beside({ start, text }: { start: Start; text: string }) {
  const sides: Side[] = ["try", "difference", ...(start.delivered === undefined ? [] : ["delivered" as const]), "help"];
  const [side, setSide] = useState<Side>(start.delivered === undefined ? "try" : "delivered");
  const rule = namesIn(text).find((one) => one.kind === "rule")?.name;
  return (
    <Tabs<Side> label={t("editor.beside")} chosen={side} onChoose={setSide}
      tabs={sides.map((value) => ({ value, label: t(`editor.side.${value}`) }))}>
      {side === "try" ? <Trial kind={start.kind} name={rule ?? start.name} text={text} />
        : side === "difference" ? <Diff before={start.before} after={text} label={t("editor.differenceLabel")} />
          : side === "delivered" ? <RuleText of={start.delivered ?? ""} /> : <Help />}
    </Tabs>
  );
}

export function RuleEditor(start: Start) {
  const key = `${start.kind} ${start.name ?? ""} ${start.back}`;
  const [text, setText] = useState(draftOf(key) ?? start.text);
  const [version, setVersion] = useState(start.version);
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [theirs, setTheirs] = useState<string>();
  const goTo = useRef<(line: number, column: number) => void>();
  const complete = useResource("complete", (signal) => api("GET /v1/content/complete", { signal }));
  const check = useCheck(text);
  const changed = text !== start.before;
  useEffect(() => setText(draftOf(key) ?? start.text), [start.text]);
  useEffect(() => keepDraft(key, text === start.text ? undefined : text), [text]);
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => { if (draftOf(key) !== undefined) event.preventDefault(); };
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, []);
  const collided = () => api(`GET /v1/${start.kind}/{name}`, { path: { name: start.name ?? "" } }).then((now) => {
    setVersion(now.version);
    setTheirs(editable(now) ?? "");
  }, setError);
  const run = () => {
    if (busy || !changed || !check.ok) return;
    setBusy(true);
    setError(undefined);
    save(start, text, comment, version).then((saved) => {
      keepDraft(key, undefined);
      const name = start.name ?? namesIn(text)[0]?.name ?? "";
      done(t(`editor.saved.${ONE[start.kind]}`, { name }));
      start.onSaved(name, saved.version);
    }, (e: unknown) => {
      setBusy(false);
      if (e instanceof Problem && e.code === "changed_meanwhile" && start.name !== undefined) void collided();
      else setError(e);
    });
  };
  const saveNow = useRef(run);
  saveNow.current = run;
  return (
    <div class="editing">
      <div class="editing-text">
        {theirs !== undefined && (
          <Theirs text={theirs} mine={text} onTake={() => { setText(theirs); setTheirs(undefined); }}
            onKeep={() => setTheirs(undefined)} />
        )}
        <Editor value={text} onChange={setText} onSave={() => saveNow.current()} label={t("editor.label")}
          complete={complete.data} diagnostics={check.diagnostics} onReady={(go) => { goTo.current = go; }} />
        <Diagnostics check={check} onGo={(line, column) => goTo.current?.(line, column)} />
        {error !== undefined && <Failure error={error} />}
        <form class="edit-bar" onSubmit={(event) => { event.preventDefault(); run(); }}>
          <span role="status" class={`check-state ${check.state}`}>{summaryOf(check)}</span>
          <input value={comment} maxLength={1000} aria-label={t("versions.comment")} placeholder={t("versions.comment")}
            onInput={(event) => setComment(event.currentTarget.value)} />
          <a class="button" href={start.back} onClick={() => keepDraft(key, undefined)}>{t("action.cancel")}</a>
          <Button kind="primary" submit busy={busy} disabled={!changed || !check.ok || theirs !== undefined}>
            {t("action.save")}</Button>
        </form>
      </div>
      <div class="editing-beside"><Beside start={start} text={text} /></div>
    </div>
  );
}
