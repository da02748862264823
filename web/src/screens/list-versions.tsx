// The versions of a list or a policy: who changed what and when, the difference, and the way back.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { en } from "../core/en";
import { t, type Key } from "../core/i18n";
import { useResource } from "../core/resource";
import { place, urlWith } from "../core/router";
import { may } from "../core/session";
import type { ContentDiff, ContentRevert, ContentVersion, ContentVersions } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Empty, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { ItemChanges, Unified } from "../ui/unified";

const PAGE = 50;

export interface Subject {
  kind: "list" | "policy";
  name: string;
  /** Of the document; refuses a change of something that changed meanwhile. */
  version: number;
  managed: boolean;
}

function versionsOf({ kind, name }: Subject, cursor: string | undefined, signal: AbortSignal): Promise<ContentVersions> {
  const call = { path: { name }, query: { cursor, limit: PAGE }, signal };
  return kind === "list" ? api("GET /v1/lists/{name}/versions", call) : api("GET /v1/policies/{name}/versions", call);
}

function diffOf({ kind, name }: Subject, from: number | undefined, to: number, signal: AbortSignal): Promise<ContentDiff> {
  const call = { path: { name }, query: { from, to }, signal };
  return kind === "list" ? api("GET /v1/lists/{name}/diff", call) : api("GET /v1/policies/{name}/diff", call);
}

function revert({ kind, name }: Subject, body: ContentRevert): Promise<ContentVersion> {
  const call = { path: { name }, body };
  return kind === "list" ? api("POST /v1/lists/{name}/revert", call) : api("POST /v1/policies/{name}/revert", call);
}

function actionName(action: string): string {
  const key = `history.did.${action}`;
  return key in en ? t(key as Key & "history.did.append") : action;
}

export function Difference({ diff }: { diff: ContentDiff }) {
  const shown = diff.documents.filter((document) => document.diff);
  const lists = diff.lists.filter((list) => list.appended.length + list.removed.length > 0);
  if (shown.length + lists.length === 0) return <p class="faint">{t("history.same")}</p>;
  return (
    <>
      {shown.map((document) => (
        <section key={`${document.part} ${document.name}`}>
          <h3>{t(document.part === "toggle" ? "history.part.toggle" : "history.part.text")}</h3>
          <Unified of={document.diff} />
        </section>
      ))}
      {lists.map((list) => (
        <section key={list.name}>
          <h3>{t("history.part.items")}</h3>
          <ItemChanges appended={list.appended} removed={list.removed} more={list.more} />
        </section>
      ))}
    </>
  );
}

function Changes({ subject, version, onClose }: { subject: Subject; version: number; onClose: () => void }) {
  const diff = useResource<ContentDiff>(`diff ${version}`, (signal) => diffOf(subject, version - 1, version, signal));
  return (
    <Dialog title={t("history.changesTitle", { version })} onClose={onClose} wide>
      {diff.error !== undefined ? <Failure error={diff.error} retry={diff.reload} />
        : diff.data ? <Difference diff={diff.data} /> : <Loading />}
    </Dialog>
  );
}

interface BackProps { subject: Subject; newest: number; to: number; onClose: () => void; onSaved: (version: number) => void }

function Back({ subject, newest, to, onClose, onSaved }: BackProps) {
  const diff = useResource<ContentDiff>(`back ${newest} ${to}`, (signal) => diffOf(subject, newest, to, signal));
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    revert(subject, { to, version: subject.version, ...(comment ? { comment } : {}) }).then((made) => {
      done(t("history.reverted", { version: to }));
      onSaved(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("history.revertTitle", { version: to })} onClose={onClose} wide>
      <form class="form" onSubmit={submit}>
        <p>{t("history.revertText")}</p>
        {diff.error !== undefined ? <Failure error={diff.error} retry={diff.reload} />
          : diff.data ? <Difference diff={diff.data} /> : <Loading />}
        <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
          help={t("history.commentHelp")} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy}>{t("history.revertDo")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

type Item = ContentVersions["items"][number];

function Entry({ item, subject, onShow, onBack }:
  { item: Item; subject: Subject; onShow: () => void; onBack: (() => void) | undefined }) {
  const mine = item.changes.filter((change) => change.name === subject.name && change.kind === subject.kind);
  return (
    <li>
      <div class="history-what">
        <strong>{[...new Set(mine.map((change) => actionName(change.action)))].join(", ")}</strong>
        {mine.map((change, i) => (change.appended || change.removed ? (
          <span key={i} class="number">
            {change.appended ? <span class="plus">{t("history.plus", { count: change.appended })} </span> : null}
            {change.removed ? <span class="minus">{t("history.minus", { count: change.removed })}</span> : null}
          </span>
        ) : null))}
        {item.comment && <div><Text of={item.comment} /></div>}
        <div class="faint">
          {t("history.version", { version: item.version })} · <Text of={item.author || t("history.system")} />
          {" · "}<Time ms={item.time_ms} full />
        </div>
      </div>
      <div class="history-do">
        <Button onClick={onShow} aria-label={t("history.showOf", { version: item.version })}>{t("history.show")}</Button>
        {onBack && (
          <Button onClick={onBack} aria-label={t("history.backTo", { version: item.version })}>{t("history.back")}</Button>
        )}
      </div>
    </li>
  );
}

export function Versions({ subject, onSaved }: { subject: Subject; onSaved: (version: number) => void }) {
  const cursor = place.value.query.get("cursor") ?? undefined;
  const versions = useResource<ContentVersions>(`versions ${subject.kind} ${subject.name} ${subject.version} ${cursor}`,
    (signal) => versionsOf(subject, cursor, signal));
  const [shown, setShown] = useState<number>();
  const [back, setBack] = useState<number>();
  if (versions.error !== undefined && !versions.data) return <Failure error={versions.error} retry={versions.reload} />;
  if (!versions.data) return <Loading />;
  const { items, next } = versions.data;
  const first = items[items.length - 1];
  const canReset = subject.managed && !next && first !== undefined && may("content");
  if (items.length === 0) return <Empty title="history.none">{t("history.noneHelp")}</Empty>;
  return (
    <>
      <ol class="history" reversed>
        {items.map((item, i) => (
          <Entry key={item.version} item={item} subject={subject} onShow={() => setShown(item.version)}
            onBack={may("content") && (i > 0 || cursor) ? () => setBack(item.version) : undefined} />
        ))}
        {canReset && (
          <li>
            <div class="history-what">
              <strong>{t("history.original")}</strong>
              <div class="faint">{t("history.originalHelp")}</div>
            </div>
            <div class="history-do">
              <Button onClick={() => setBack(first.version - 1)} aria-label={t("history.backToOriginal")}>
                {t("history.back")}
              </Button>
            </div>
          </li>
        )}
      </ol>
      {(cursor || next) && (
        <nav class="pages" aria-label={t("history.title")}>
          {cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
          {next && <a class="button" href={urlWith({ cursor: next })}>{t("action.next")}</a>}
        </nav>
      )}
      {shown !== undefined && <Changes subject={subject} version={shown} onClose={() => setShown(undefined)} />}
      {back !== undefined && (
        <Back subject={subject} newest={subject.version} to={back} onClose={() => setBack(undefined)}
          onSaved={(version) => { setBack(undefined); onSaved(version); }} />
      )}
    </>
  );
}
