// Exceptions of rules: what is ignored, why, until when, and what that hides.
import { useEffect } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import type { Exception, Exceptions as All } from "../generated/schemas";
import { Expires } from "../ui/expiry";
import { Empty, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Settings } from "./settings";
import { Conditions, ExceptionDrawer, ExceptionState } from "./settings-exception";
import { Asked, chosenOf, Pills, SearchBox, Table } from "./settings-parts";

const VIEWS = ["active", "ended", "all"] as const;
type View = (typeof VIEWS)[number];

function wanted(all: All, view: View, search: string): Exception[] {
  const words = search.toLowerCase();
  return all.items.filter((one) => (view === "all" || (one.state === "active") === (view === "active")) &&
    `${one.rule}\n${one.reason}\n${one.author}\n${JSON.stringify(one.fields)}`.toLowerCase().includes(words));
}

function Row({ of }: { of: Exception }) {
  return (
    <tr>
      <td>
        <a href={urlWith({ open: String(of.id) })}><Text of={of.rule} /></a>
        <Conditions of={of.fields} />
      </td>
      <td class="reason"><Text of={of.reason} /></td>
      <td><Text of={of.author} /><div class="faint nowrap"><Time ms={of.created_ms} /></div></td>
      <td><ExceptionState of={of} /></td>
      <td class="nowrap">{of.ended_ms === null ? <Expires ms={of.expires_ms} /> : <Time ms={of.ended_ms} />}</td>
    </tr>
  );
}

const COLUMNS = ["exceptions.what", "exceptions.reason", "tokens.maker", "settings.state", "exceptions.ends"] as const;

function List({ all, view, search }: { all: All; view: View; search: string }) {
  const items = wanted(all, view, search);
  if (all.items.length === 0) {
    return (
      <Empty title="exceptions.empty" action={<a class="button" href="/findings">{t("app.toFindings")}</a>}>
        {t("exceptions.emptyHelp")}
      </Empty>
    );
  }
  if (items.length === 0) return <Empty title="exceptions.noneHere">{t("exceptions.noneHereHelp")}</Empty>;
  return <Table label={t("settings.exceptions")} columns={COLUMNS}>{items.map((one) => <Row key={one.id} of={one} />)}</Table>;
}

export default function Exceptions() {
  const { query } = place.value;
  const view = chosenOf(VIEWS, "show");
  const search = query.get("q") ?? "";
  const open = query.get("open");
  const all = useResource("exceptions", (signal) => api("GET /v1/exceptions", { signal }));
  useEffect(() => listen("content", all.reload), []);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("settings-search")?.focus() }]);
  const one = all.data?.items.find(({ id }) => String(id) === open);
  return (
    <Settings at="exceptions" count={all.data && t("exceptions.count", { count: wanted(all.data, "active", "").length })}>
      <div class="tools">
        <Pills label={t("settings.state")} name="show" all={VIEWS} chosen={view}
          text={(value) => t(`exceptions.view.${value}`)} />
        <SearchBox key={search} search={search} label={t("exceptions.search")} />
      </div>
      <Asked of={all}>{(data) => <List all={data} view={view} search={search} />}</Asked>
      {one && <ExceptionDrawer key={one.id} of={one} onClose={() => go(urlWith({ open: undefined }))} onChange={all.reload} />}
    </Settings>
  );
}
