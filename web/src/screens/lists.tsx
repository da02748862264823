// All lists.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { Empty, Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";

export default function Lists() {
  const search = place.value.query.get("q") ?? "";
  const [text, setText] = useState(search);
  const lists = useResource(`lists ${search}`, (signal) => api("GET /v1/lists", { query: { search, limit: 500 }, signal }));
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("lists-search")?.focus() }]);
  const items = lists.data?.items ?? [];
  return (
    <>
      <div class="title-row">
        <h1>{t("lists.title")}</h1>
        <span class="faint" role="status">{lists.data ? t("lists.count", { count: lists.data.total }) : ""}</span>
      </div>
      <p class="intro">{t("lists.intro")}</p>
      <form role="search" class="inline" onSubmit={(event) => { event.preventDefault(); go(urlWith({ q: text.trim() })); }}>
        <input id="lists-search" type="search" value={text} aria-label={t("lists.search")} placeholder={t("lists.search")}
          maxLength={200} onInput={(event) => setText(event.currentTarget.value)} />
      </form>
      {lists.error !== undefined && !lists.data ? <Failure error={lists.error} retry={lists.reload} />
        : !lists.data ? <Loading />
          : items.length === 0 ? <Empty title="lists.empty">{t("lists.emptyHelp")}</Empty> : (
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">{t("lists.col.name")}</th>
                  <th scope="col" class="right">{t("lists.col.items")}</th>
                  <th scope="col">{t("lists.col.origin")}</th>
                </tr>
              </thead>
              <tbody>
                {items.map((list) => (
                  <tr key={list.name}>
                    <td><a href={`/lists/${encodeURIComponent(list.name)}`}><Text of={list.name} mono /></a></td>
                    <td class="right number">{number(list.text_items ?? 0)}</td>
                    <td>{t(list.origin === "managed" ? "lists.origin.managed" : "lists.origin.own")}
                      {list.overridden && <span class="tag">{t("lists.changed")}</span>}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
    </>
  );
}
