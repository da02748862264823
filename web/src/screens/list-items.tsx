// The items of a list, page by page, and taking one out.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import type { Resource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { visibleText } from "../core/visible";
import type { ListItems } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Button, Empty, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";

type Item = ListItems["items"][number];

function Remove({ name, item, onClose, onSaved }:
  { name: string; item: Item; onClose: () => void; onSaved: (version: number) => void }) {
  const [busy, setBusy] = useState(false);
  const remove = () => {
    setBusy(true);
    api("POST /v1/lists/{name}/remove", { path: { name }, body: { items: [item.item] } }).then((counts) => {
      done(t("list.removed", { name: visibleText(item.item) }));
      onSaved(counts.version);
    }, (e: unknown) => { failed(e); onClose(); });
  };
  return (
    <Dialog title={t("list.removeTitle")} onClose={onClose}>
      <p><Text of={item.item} mono /></p>
      <p>{t("list.removeText")}</p>
      {item.origin === "text" && <p class="faint">{t("list.removeTextItem")}</p>}
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={remove}>{t("list.removeDo")}</Button>
      </div>
    </Dialog>
  );
}

function Row({ item, onRemove }: { item: Item; onRemove: ((item: Item) => void) | undefined }) {
  return (
    <tr>
      <td>
        <Text of={item.item} mono />
        {item.note && <div class="faint item-note"><Text of={item.note} /></div>}
      </td>
      <td>
        {item.origin === "appended"
          ? <span class="tag">{t("list.appended")}</span> : <span class="faint">{t("list.inText")}</span>}
        {item.author && <span class="faint"> {t("list.by", { author: visibleText(item.author) })}</span>}
      </td>
      <td class="nowrap">{item.time_ms !== undefined && <Time ms={item.time_ms} />}</td>
      {onRemove && (
        <td class="right">
          <Button kind="quiet" onClick={() => onRemove(item)}
            aria-label={t("action.remove", { name: visibleText(item.item) })}>{t("list.removeDo")}</Button>
        </td>
      )}
    </tr>
  );
}

function Table({ data, searched, onRemove }:
  { data: ListItems; searched: boolean; onRemove: ((item: Item) => void) | undefined }) {
  if (data.items.length === 0) {
    return searched ? <Empty title="list.noItems">{t("list.noItemsHelp")}</Empty>
      : <Empty title="list.emptyList">{t("list.emptyListHelp")}</Empty>;
  }
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("list.items")}>
      <table class="table items">
        <thead>
          <tr>
            <th scope="col">{t("list.col.item")}</th>
            <th scope="col">{t("list.col.origin")}</th>
            <th scope="col">{t("list.col.when")}</th>
            {onRemove && <th scope="col"><span class="unseen-label">{t("list.col.action")}</span></th>}
          </tr>
        </thead>
        <tbody>{data.items.map((item) => <Row key={`${item.origin} ${item.item}`} item={item} onRemove={onRemove} />)}</tbody>
      </table>
    </div>
  );
}

interface Props {
  name: string;
  items: Resource<ListItems>;
  onSaved: ((version: number) => void) | undefined;
}

export function Items({ name, items, onSaved }: Props) {
  const query = place.value.query;
  const search = query.get("q") ?? "";
  const cursor = query.get("cursor") ?? undefined;
  const [text, setText] = useState(search);
  const [removing, setRemoving] = useState<Item>();
  return (
    <>
      <form role="search" class="inline" onSubmit={(event) => {
        event.preventDefault();
        go(urlWith({ q: text.trim(), cursor: undefined }));
      }}>
        <input id="items-search" type="search" value={text} aria-label={t("list.searchItems")} maxLength={200}
          placeholder={t("list.searchItems")} onInput={(event) => setText(event.currentTarget.value)} />
        <Button submit>{t("list.searchDo")}</Button>
      </form>
      {items.error !== undefined && !items.data ? <Failure error={items.error} retry={items.reload} />
        : items.data ? (
          <Table data={items.data} searched={search !== ""} onRemove={onSaved ? setRemoving : undefined} />
        ) : <Loading />}
      {(cursor || items.data?.next) && (
        <nav class="pages" aria-label={t("list.items")}>
          {cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
          {items.data?.next && <a class="button" href={urlWith({ cursor: items.data.next })}>{t("action.next")}</a>}
        </nav>
      )}
      {removing !== undefined && onSaved && (
        <Remove name={name} item={removing} onClose={() => setRemoving(undefined)}
          onSaved={(version) => { setRemoving(undefined); onSaved(version); }} />
      )}
    </>
  );
}
