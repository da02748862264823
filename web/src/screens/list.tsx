// One list: what is in it, who uses it, and appending to it; then on how many agents that is in force.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { ListItems, Usage } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Empty, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { Rollout } from "./rollout";

const PAGE = 100;

function Append({ name, onClose, onSaved }: { name: string; onClose: () => void; onSaved: (version: number) => void }) {
  const [text, setText] = useState("");
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const items = [...new Set(text.split("\n").map((line) => line.trim()).filter(Boolean))];
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/lists/{name}/append", { path: { name }, body: { items, ...(note ? { note } : {}) } }).then((counts) => {
      done(counts.changed > 0 ? t("list.saved", { count: counts.changed }) : t("list.savedNone"));
      onSaved(counts.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("list.appendTitle", { name: visibleText(name) })} onClose={onClose}>
      <form onSubmit={submit} class="form">
        <Field label={t("list.appendLabel")} name="items" value={text} onText={setText} rows={6} />
        <Field label={t("list.note")} name="note" value={note} onText={setNote} maxLength={1000} help={t("list.noteHelp")} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={items.length === 0}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Remove({ name, item, onClose, onSaved }:
  { name: string; item: string; onClose: () => void; onSaved: (version: number) => void }) {
  const [busy, setBusy] = useState(false);
  const remove = () => {
    setBusy(true);
    api("POST /v1/lists/{name}/remove", { path: { name }, body: { items: [item] } }).then((counts) => {
      done(t("list.removed", { name: visibleText(item) }));
      onSaved(counts.version);
    }, (e: unknown) => { failed(e); onClose(); });
  };
  return (
    <Dialog title={t("list.removeTitle")} onClose={onClose}>
      <p><Text of={item} mono /></p>
      <p>{t("list.removeText")}</p>
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={remove}>{t("list.removeDo")}</Button>
      </div>
    </Dialog>
  );
}

function Items({ data, onRemove }: { data: ListItems; onRemove: ((item: string) => void) | undefined }) {
  if (data.items.length === 0) return <Empty title="list.noItems">{t("list.noItemsHelp")}</Empty>;
  return (
    <table class="table">
      <thead>
        <tr>
          <th scope="col">{t("list.col.item")}</th>
          <th scope="col">{t("list.col.origin")}</th>
          <th scope="col">{t("list.col.when")}</th>
          {onRemove && <th scope="col"><span class="unseen-label">{t("list.col.action")}</span></th>}
        </tr>
      </thead>
      <tbody>
        {data.items.map((item) => (
          <tr key={`${item.origin} ${item.item}`}>
            <td><Text of={item.item} mono />{item.note && <div class="faint"><Text of={item.note} /></div>}</td>
            <td>{item.origin === "appended"
              ? <span class="tag">{t("list.appended")}</span> : <span class="faint">{t("list.inText")}</span>}
              {item.author && <span class="faint"> {t("list.by", { author: visibleText(item.author) })}</span>}</td>
            <td class="nowrap">{item.time_ms !== undefined && <Time ms={item.time_ms} />}</td>
            {onRemove && (
              <td class="right">
                {item.origin === "appended" && (
                  <Button kind="quiet" onClick={() => onRemove(item.item)}
                    aria-label={t("action.remove", { name: visibleText(item.item) })}>{t("list.removeDo")}</Button>
                )}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function UsedBy({ usage }: { usage: Usage }) {
  const groups = (["rules", "macros", "lists", "policies"] as const).filter((kind) => usage[kind].length > 0);
  return (
    <section class="panel">
      <h2>{t("list.usage")}</h2>
      {groups.length === 0 && <p class="faint">{t("list.unused")}</p>}
      {groups.map((kind) => (
        <div key={kind}>
          <h3>{t(`list.${kind}`)}</h3>
          <ul>{usage[kind].map((name) => <li key={name}><Text of={name} /></li>)}</ul>
        </div>
      ))}
    </section>
  );
}

export default function List({ name }: { name: string }) {
  const query = place.value.query;
  const search = query.get("q") ?? "";
  const cursor = query.get("cursor") ?? undefined;
  const [text, setText] = useState(search);
  const [appending, setAppending] = useState(false);
  const [removing, setRemoving] = useState<string>();
  const [saved, setSaved] = useState<number>();
  const path = { name };
  const items = useResource(`items ${name} ${search} ${cursor}`, (signal) =>
    api("GET /v1/lists/{name}/items", { path, query: { search, cursor, limit: PAGE }, signal }));
  const usage = useResource(`usage ${name}`, (signal) => api("GET /v1/lists/{name}/usage", { path, signal }));
  const onSaved = (version: number) => {
    setAppending(false);
    setRemoving(undefined);
    setSaved(version);
    items.reload();
  };
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("items-search")?.focus() }]);
  return (
    <>
      <p><a href="/lists">← {t("lists.title")}</a></p>
      <div class="title-row">
        <h1 class="mono"><Text of={name} /></h1>
        <span class="faint" role="status">{items.data ? t("list.itemCount", { count: items.data.total }) : ""}</span>
        <span class="space" />
        {may("content") && <Button kind="primary" onClick={() => setAppending(true)}>{t("list.append")}</Button>}
      </div>
      <Rollout version={saved} />
      <div class="columns reverse">
        <section aria-label={t("list.items")} class="results">
          <form role="search" class="inline" onSubmit={(event) => {
            event.preventDefault();
            go(urlWith({ q: text.trim(), cursor: undefined }));
          }}>
            <input id="items-search" type="search" value={text} aria-label={t("list.searchItems")} maxLength={200}
              placeholder={t("list.searchItems")} onInput={(event) => setText(event.currentTarget.value)} />
          </form>
          {items.error !== undefined && !items.data ? <Failure error={items.error} retry={items.reload} />
            : items.data ? <Items data={items.data} onRemove={may("content") ? setRemoving : undefined} /> : <Loading />}
          {(cursor || items.data?.next) && (
            <nav class="pages" aria-label={t("list.items")}>
              {cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
              {items.data?.next && <a class="button" href={urlWith({ cursor: items.data.next })}>{t("action.next")}</a>}
            </nav>
          )}
        </section>
        <aside>{usage.data && <UsedBy usage={usage.data} />}</aside>
      </div>
      {appending && <Append name={name} onClose={() => setAppending(false)} onSaved={onSaved} />}
      {removing !== undefined && (
        <Remove name={name} item={removing} onClose={() => setRemoving(undefined)} onSaved={onSaved} />
      )}
    </>
  );
}
