// One list: what is in it, who uses it, appending and importing, its versions; and on how many agents that is in force.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { kindOfItems } from "../core/list-kind";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { Document, ListItems, Usage } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Menu } from "../ui/menu";
import { Button, Failure, Loading } from "../ui/parts";
import { Tabs } from "../ui/tabs";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Append } from "./list-append";
import { Import } from "./list-import";
import { Items } from "./list-items";
import { Conflict, Definition } from "./list-text";
import { Rollout } from "./rollout";
import { Versions } from "./versions";
import "../styles/policies.css";

const PAGE = 100;
const TABS = ["items", "versions", "text"] as const;
type Tab = (typeof TABS)[number];

function UsedBy({ usage }: { usage: Usage }) {
  const groups = (["rules", "macros", "lists", "policies"] as const).filter((kind) => usage[kind].length > 0);
  return (
    <section class="panel">
      <h2>{t("list.usage")}</h2>
      {groups.length === 0 && <p class="faint">{t("list.unused")}</p>}
      {groups.map((kind) => (
        <div key={kind}>
          <h3>{t(`list.${kind}`)}</h3>
          <ul class="plain">{usage[kind].map((name) => (
            <li key={name}><a href={`/${kind}/${encodeURIComponent(name)}`}><Text of={name} /></a></li>
          ))}</ul>
        </div>
      ))}
    </section>
  );
}

function Delete({ document, onClose, onDone }: { document: Document; onClose: () => void; onDone: (version: number) => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const managed = document.origin === "managed";
  const remove = () => {
    setBusy(true);
    api("DELETE /v1/lists/{name}", { path: { name: document.name } }).then((made) => {
      done(t(managed ? "list.wasReset" : "list.wasDeleted", { name: visibleText(document.name) }));
      onDone(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t(managed ? "list.resetTitle" : "list.deleteTitle", { name: visibleText(document.name) })} onClose={onClose}>
      <p>{t(managed ? "list.resetText" : "list.deleteText")}</p>
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={remove}>{t(managed ? "list.resetDo" : "list.deleteDo")}</Button>
      </div>
    </Dialog>
  );
}

type Open = "append" | "import" | "delete" | undefined;

function Actions({ document, onOpen }: { document: Document; onOpen: (what: Open) => void }) {
  const managed = document.origin === "managed";
  const file = (format: string) => `/v1/lists/${encodeURIComponent(document.name)}/export?format=${format}`;
  return (
    <>
      {may("content") && <Button kind="primary" onClick={() => onOpen("append")}>{t("list.append")}</Button>}
      {may("content") && <Button onClick={() => onOpen("import")}>{t("list.import")}</Button>}
      <Menu<"plain" | "csv" | "delete"> label={t("list.more")} button="⋯"
        choices={[{ value: "plain", label: t("list.exportPlain") }, { value: "csv", label: t("list.exportCsv") },
          ...(may("content") ? [{ value: "delete" as const, label: t(managed ? "list.resetDo" : "list.deleteDo") }] : [])]}
        onChoose={(what) => { if (what === "delete") onOpen("delete"); else window.location.assign(file(what)); }} />
    </>
  );
}

export default function List({ name }: { name: string }) {
  const query = place.value.query;
  const tab = TABS.find((one) => one === query.get("tab")) ?? "items";
  const search = query.get("q") ?? "";
  const cursor = tab === "items" ? query.get("cursor") ?? undefined : undefined;
  const [open, setOpen] = useState<Open>();
  const [saved, setSaved] = useState<number>();
  const path = { name };
  const list = useResource<Document>(`list ${name}`, (signal) => api("GET /v1/lists/{name}", { path, signal }));
  const items = useResource<ListItems>(`items ${name} ${search} ${cursor}`, (signal) =>
    api("GET /v1/lists/{name}/items", { path, query: { search, cursor, limit: PAGE }, signal }));
  const usage = useResource<Usage>(`usage ${name}`, (signal) => api("GET /v1/lists/{name}/usage", { path, signal }));
  const reload = () => { list.reload(); items.reload(); };
  const onSaved = (version: number) => {
    setOpen(undefined);
    setSaved(version);
    reload();
  };
  useEffect(() => listen("content", reload), []);
  useKeys([
    { key: "/", label: t("keys.search"), run: () => document.getElementById("items-search")?.focus() },
    ...(may("content") ? [{ key: "a", label: t("list.append"), run: () => setOpen("append") }] : []),
  ]);
  if (list.error !== undefined && !list.data) return <Failure error={list.error} retry={list.reload} />;
  const kind = kindOfItems((items.data?.items ?? []).map((item) => item.item));
  return (
    <>
      <p><a href="/lists">← {t("lists.title")}</a></p>
      <div class="title-row">
        <h1 class="mono"><Text of={name} /></h1>
        {list.data && (
          <span class="tag">{t(list.data.origin === "managed" ? "lists.origin.managed" : "lists.origin.own")}</span>
        )}
        <span class="faint" role="status">{items.data ? t("list.itemCount", { count: items.data.total }) : ""}</span>
        <span class="space" />
        {list.data && <Actions document={list.data} onOpen={setOpen} />}
      </div>
      <Conflict conflict={list.data?.conflict ?? null} />
      <Rollout version={saved} />
      <div class="columns reverse">
        <div class="results">
          <Tabs<Tab> label={t("list.sections")} chosen={tab}
            tabs={TABS.map((value) => ({ value, label: t(`list.tab.${value}`) }))}
            onChoose={(to) => go(urlWith({ tab: to === "items" ? undefined : to, cursor: undefined, q: undefined }), "replace")}>
            {tab === "items" && <Items name={name} items={items} onSaved={may("content") ? onSaved : undefined} />}
            {tab === "versions" && list.data && (
              <Versions kind="lists" name={name} version={list.data.version} managed={list.data.origin === "managed"}
                onSaved={onSaved} />
            )}
            {tab === "text" && (list.data ? <Definition document={list.data} onSaved={onSaved} /> : <Loading />)}
          </Tabs>
        </div>
        <aside>{usage.data && <UsedBy usage={usage.data} />}</aside>
      </div>
      {open === "append" && (
        <Append name={name} kind={kind} onClose={() => setOpen(undefined)} onSaved={onSaved} onImport={() => setOpen("import")} />
      )}
      {open === "import" && (
        <Import name={name} kind={kind} onClose={() => setOpen(undefined)}
          onSaved={(version) => { setSaved(version); reload(); }} />
      )}
      {open === "delete" && list.data && (
        <Delete document={list.data} onClose={() => setOpen(undefined)}
          onDone={(version) => { if (list.data?.origin === "managed") onSaved(version); else go("/lists"); }} />
      )}
    </>
  );
}
