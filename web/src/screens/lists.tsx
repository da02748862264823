// All lists, and making a new one.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { linesOf } from "../core/list-kind";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import type { Lists as All } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import "../styles/policies.css";

const PAGE = 200;
const MOST = 10_000;

function nameFault(name: string): string | undefined {
  return name === "" || /^[^\s/\\.()"'=,][^\s/\\()"'=,]*$/.test(name) ? undefined : t("lists.badName");
}

function New({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const items = linesOf(text);
  const fault = nameFault(name.trim());
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/lists", { body: { name: name.trim(), items, ...(comment ? { comment } : {}) } }).then(() => {
      done(t("lists.made"));
      go(`/lists/${encodeURIComponent(name.trim())}`);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("lists.new")} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field label={t("lists.name")} name="name" value={name} onText={setName} maxLength={200} required autofocus fault={fault}
          help={t("lists.nameHelp")} />
        <Field label={t("list.appendLabel")} name="items" value={text} onText={setText} rows={6} help={t("lists.itemsHelp")}
          fault={items.length > MOST ? t("list.tooMany", { most: MOST }) : undefined} />
        <Field label={t("history.comment")} name="comment" value={comment} onText={setComment} maxLength={1000}
          help={t("history.commentHelp")} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!name.trim() || fault !== undefined || items.length > MOST}>
            {t("lists.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Table({ items }: { items: All["items"] }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("lists.title")}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t("lists.col.name")}</th>
            <th scope="col" class="right">{t("lists.col.all")}</th>
            <th scope="col">{t("lists.col.origin")}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((list) => (
            <tr key={list.name}>
              <td><a href={`/lists/${encodeURIComponent(list.name)}`}><Text of={list.name} mono /></a></td>
              <td class="right number">
                {number((list.text_items ?? 0) + (list.appended_items ?? 0))}
                {(list.appended_items ?? 0) > 0 && (
                  <div class="faint">{t("lists.ofThem", { count: list.appended_items ?? 0 })}</div>
                )}
              </td>
              <td>
                {t(list.origin === "managed" ? "lists.origin.managed" : "lists.origin.own")}
                {list.overridden && <span class="tag">{t("lists.changed")}</span>}
                {list.conflict && <span class="tag bad">{t("conflict.short")}</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function OriginPills({ origin }: { origin: string | undefined }) {
  return (
    <nav class="pills" aria-label={t("lists.col.origin")}>
      {([undefined, "managed", "own"] as const).map((one) => (
        <a key={one ?? "all"} href={urlWith({ origin: one, cursor: undefined })}
          {...(one === origin ? { "aria-current": "true" as const } : {})}>{t(`lists.origin.${one ?? "all"}`)}</a>
      ))}
    </nav>
  );
}

export function originOf(query: URLSearchParams): "managed" | "own" | undefined {
  return (["managed", "own"] as const).find((one) => one === query.get("origin"));
}

export default function Lists() {
  const query = place.value.query;
  const search = query.get("q") ?? "";
  const origin = originOf(query);
  const cursor = query.get("cursor") ?? undefined;
  const [text, setText] = useState(search);
  const [making, setMaking] = useState(false);
  const lists = useResource<All>(`lists ${search} ${origin} ${cursor}`, (signal) =>
    api("GET /v1/lists", { query: { search, origin, cursor, limit: PAGE }, signal }));
  useEffect(() => listen("content", lists.reload), []);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("lists-search")?.focus() }]);
  const items = lists.data?.items ?? [];
  return (
    <>
      <div class="title-row">
        <h1>{t("lists.title")}</h1>
        <span class="faint" role="status">{lists.data ? t("lists.count", { count: lists.data.total }) : ""}</span>
        <span class="space" />
        {may("content") && <Button kind="primary" onClick={() => setMaking(true)}>{t("lists.new")}</Button>}
      </div>
      <p class="intro">{t("lists.intro")}</p>
      <form role="search" class="inline" onSubmit={(event) => {
        event.preventDefault();
        go(urlWith({ q: text.trim(), cursor: undefined }));
      }}>
        <input id="lists-search" type="search" value={text} aria-label={t("lists.search")} placeholder={t("lists.search")}
          maxLength={200} onInput={(event) => setText(event.currentTarget.value)} />
        <Button submit>{t("list.searchDo")}</Button>
      </form>
      <OriginPills origin={origin} />
      {lists.error !== undefined && !lists.data ? <Failure error={lists.error} retry={lists.reload} />
        : !lists.data ? <Loading />
          : items.length === 0 ? <Empty title="lists.empty">{t("lists.emptyHelp")}</Empty> : <Table items={items} />}
      {(cursor || lists.data?.next) && (
        <nav class="pages" aria-label={t("lists.title")}>
          {cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
          {lists.data?.next && <a class="button" href={urlWith({ cursor: lists.data.next })}>{t("action.next")}</a>}
        </nav>
      )}
      {making && <New onClose={() => setMaking(false)} />}
    </>
  );
}
