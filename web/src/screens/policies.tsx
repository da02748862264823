// All policies: what each is about, where it holds, what it does; switching one on or off; making one.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import type { Policies as All } from "../generated/schemas";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";
import { OriginPills, originOf } from "./lists";
import { NewPolicy } from "./policies-new";
import { ActionNames, PolicySeverity, PolicySwitch } from "./policies-parts";
import { Rollout } from "./rollout";
import "../styles/policies.css";

const PAGE = 200;
type Item = All["items"][number];

function Row({ item, onSaved }: { item: Item; onSaved: (version: number) => void }) {
  return (
    <tr>
      <td>
        <a href={`/policies/${encodeURIComponent(item.name)}`}><Text of={item.name} /></a>
        <div class="faint">
          {t(item.origin === "managed" ? "lists.origin.managed" : "lists.origin.own")}
          {item.overridden && <span class="tag">{t("policies.changed")}</span>}
          {item.conflict && <span class="tag bad">{t("conflict.short")}</span>}
        </div>
      </td>
      <td><PolicySwitch name={item.name} on={item.enabled} rules={item.rules_count ?? 0} actions={item.actions ?? []}
        onSaved={onSaved} /></td>
      <td class="right number">{number(item.rules_count ?? 0)}</td>
      <td><PolicySeverity of={item.severity ?? null} /></td>
      <td>{item.scope ? <Text of={item.scope} mono /> : <span class="faint">{t("policies.everywhere")}</span>}</td>
      <td><ActionNames of={item.actions ?? []} /></td>
    </tr>
  );
}

function Table({ items, onSaved }: { items: Item[]; onSaved: (version: number) => void }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("policies.title")}>
      <table class="table policies">
        <thead>
          <tr>
            {(["name", "enabled", "rules", "severity", "scope", "actions"] as const).map((column) => (
              <th key={column} scope="col" class={column === "rules" ? "right" : ""}>{t(`policies.col.${column}`)}</th>
            ))}
          </tr>
        </thead>
        <tbody>{items.map((item) => <Row key={item.name} item={item} onSaved={onSaved} />)}</tbody>
      </table>
    </div>
  );
}

export default function Policies() {
  const query = place.value.query;
  const search = query.get("q") ?? "";
  const origin = originOf(query);
  const cursor = query.get("cursor") ?? undefined;
  const [text, setText] = useState(search);
  const [making, setMaking] = useState(false);
  const [saved, setSaved] = useState<number>();
  const policies = useResource<All>(`policies ${search} ${origin} ${cursor}`, (signal) =>
    api("GET /v1/policies", { query: { search, origin, cursor, limit: PAGE }, signal }));
  useEffect(() => listen("content", policies.reload), []);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("policies-search")?.focus() }]);
  const items = policies.data?.items ?? [];
  const onSaved = (version: number) => { setSaved(version); policies.reload(); };
  return (
    <>
      <div class="title-row">
        <h1>{t("policies.title")}</h1>
        <span class="faint" role="status">{policies.data ? t("policies.count", { count: policies.data.total }) : ""}</span>
        <span class="space" />
        {may("content") && <Button kind="primary" onClick={() => setMaking(true)}>{t("policies.new")}</Button>}
      </div>
      <p class="intro">{t("policies.intro")}</p>
      <Rollout version={saved} />
      <form role="search" class="inline" onSubmit={(event) => {
        event.preventDefault();
        go(urlWith({ q: text.trim(), cursor: undefined }));
      }}>
        <input id="policies-search" type="search" value={text} aria-label={t("policies.search")} maxLength={200}
          placeholder={t("policies.search")} onInput={(event) => setText(event.currentTarget.value)} />
        <Button submit>{t("list.searchDo")}</Button>
      </form>
      <OriginPills origin={origin} />
      {policies.error !== undefined && !policies.data ? <Failure error={policies.error} retry={policies.reload} />
        : !policies.data ? <Loading />
          : items.length === 0 ? <Empty title="policies.empty">{t("policies.emptyHelp")}</Empty>
            : <Table items={items} onSaved={onSaved} />}
      {(cursor || policies.data?.next) && (
        <nav class="pages" aria-label={t("policies.title")}>
          {cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
          {policies.data?.next && <a class="button" href={urlWith({ cursor: policies.data.next })}>{t("action.next")}</a>}
        </nav>
      )}
      {making && <NewPolicy taken={items} onClose={() => setMaking(false)} />}
    </>
  );
}
