// Suppressions: filters whose findings need no look, what each has caught, and until when.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import type { Suppression, Suppressions as All } from "../generated/schemas";
import { Expires } from "../ui/expiry";
import { Button, Empty, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Settings } from "./settings";
import { Asked, SearchBox, Table } from "./settings-parts";
import { NewSuppression, suppressedUrl, SuppressionDrawer, SuppressionState } from "./settings-suppression";

function Row({ of }: { of: Suppression }) {
  return (
    <tr>
      <td>
        <a href={urlWith({ open: String(of.id) })}><Text of={of.name} /></a>
        <div class="filter-text"><Text of={of.filter} mono /></div>
      </td>
      <td class="reason"><Text of={of.reason} /></td>
      <td>
        <a class="number" href={suppressedUrl(of.filter)}>{t("suppressions.hits", { count: of.hits })}</a>
        {of.last_hit_ms !== null && <div class="faint nowrap"><Time ms={of.last_hit_ms} /></div>}
      </td>
      <td><Text of={of.author} /><div class="faint nowrap"><Time ms={of.created_ms} /></div></td>
      <td><SuppressionState of={of} /></td>
      <td class="nowrap"><Expires ms={of.expires_ms} /></td>
    </tr>
  );
}

const COLUMNS = ["suppressions.what", "exceptions.reason", "suppressions.caught", "tokens.maker", "settings.state",
  "exceptions.ends"] as const;

function List({ all, search }: { all: All; search: string }) {
  const words = search.toLowerCase();
  const items = all.items.filter((one) =>
    `${one.name}\n${one.filter}\n${one.reason}\n${one.author}`.toLowerCase().includes(words)).reverse();
  if (all.items.length === 0) return <Empty title="suppressions.empty">{t("suppressions.emptyHelp")}</Empty>;
  if (items.length === 0) return <Empty title="exceptions.noneHere">{t("exceptions.noneHereHelp")}</Empty>;
  return <Table label={t("settings.suppressions")} columns={COLUMNS}>{items.map((one) => <Row key={one.id} of={one} />)}</Table>;
}

export default function Suppressions() {
  const { query } = place.value;
  const search = query.get("q") ?? "";
  const open = query.get("open");
  const [making, setMaking] = useState(false);
  const all = useResource("suppressions", (signal) => api("GET /v1/suppressions", { signal }));
  const one = all.data?.items.find(({ id }) => String(id) === open);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("settings-search")?.focus() }]);
  return (
    <Settings at="suppressions" count={all.data && number(all.data.items.length)}
      action={may("triage") && <Button kind="primary" onClick={() => setMaking(true)}>{t("suppressions.new")}</Button>}>
      <div class="tools"><SearchBox key={search} search={search} label={t("suppressions.search")} /></div>
      <Asked of={all}>{(data) => <List all={data} search={search} />}</Asked>
      {making && <NewSuppression onClose={() => setMaking(false)} onChange={all.reload} />}
      {one && !making && (
        <SuppressionDrawer key={one.id} of={one} onClose={() => go(urlWith({ open: undefined }))} onChange={all.reload} />
      )}
    </Settings>
  );
}
