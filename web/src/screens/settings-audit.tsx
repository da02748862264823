// The audit log: filter, pages, export. Entries are shown as they were written.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { AREAS, auditQuery, exportUrl, readAudit, RESULTS, screenOf, TIMES, type AuditView } from "../core/audit";
import { isKey, type Key, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource } from "../core/resource";
import { go, urlWith } from "../core/router";
import { may } from "../core/session";
import { ago, exact } from "../core/time";
import type { Audit as Page } from "../generated/schemas";
import { Select } from "../ui/field";
import { Button, Empty } from "../ui/parts";
import { Text } from "../ui/text";
import { Settings } from "./settings";
import { Asked, Pages, State, Table } from "./settings-parts";

type Entry = Page["items"][number];

function nameOf(action: string): string | null {
  const key = `audit.do.${action}`;
  return isKey(key) ? t(key as Key & "audit.do.user.create") : null;
}

/** What an action is called; null: nobody gave it a name. Of a request its last word says more than its method. */
function actionName({ action, object }: Entry): string | null {
  const word = action.startsWith("request.") ? /\/(backup|append|remove|import|revert)$/.exec(object)?.[1] : undefined;
  return word ? nameOf(`path.${word}`) : nameOf(action);
}

/** That it went well is said by the result. */
function telling(entry: Entry): Array<[string, unknown]> {
  return Object.entries(entry.detail ?? {}).filter(([name]) => name !== "status" || entry.result !== "ok");
}

function change(changes: Record<string, string | undefined>): void {
  go(urlWith({ cursor: undefined, ...changes }), "replace");
}

function TextFilter({ name, label, value }: { name: "actor" | "object"; label: string; value: string }) {
  const [text, setText] = useState(value);
  return (
    <form onSubmit={(event) => { event.preventDefault(); change({ [name]: text.trim() }); }}>
      <label class="select"><span>{label}</span>
        <input id={`audit-${name}`} type="search" value={text} maxLength={256}
          onInput={(event) => setText(event.currentTarget.value)}
          onBlur={() => { if (text.trim() !== value) change({ [name]: text.trim() }); }} />
      </label>
    </form>
  );
}

function Filters({ view }: { view: AuditView }) {
  const area = AREAS.find((one) => one === view.action.split(".")[0]) ?? "any";
  return (
    <div class="filters" role="search">
      <TextFilter key={`a${view.actor}`} name="actor" label={t("audit.who")} value={view.actor} />
      <Select label={t("audit.area")} value={area} choices={AREAS.map((value) => ({ value, label: t(`audit.area.${value}`) }))}
        onChoose={(value) => change({ action: value === "any" ? undefined : value })} />
      <TextFilter key={`o${view.object}`} name="object" label={t("audit.object")} value={view.object} />
      <Select label={t("audit.result")} value={view.result}
        choices={RESULTS.map((value) => ({ value, label: t(`audit.result.${value}`) }))}
        onChoose={(value) => change({ result: value === "any" ? undefined : value })} />
      <Select label={t("findings.time")} value={view.time}
        choices={TIMES.map((value) => ({ value, label: t(`findings.time.${value}`) }))}
        onChoose={(value) => change({ time: value === "all" ? undefined : value })} />
      {(view.actor || view.action || view.object || view.result !== "any" || view.time !== "all") && (
        <Button kind="quiet" onClick={() => change({ actor: undefined, action: undefined, object: undefined, result: undefined,
          time: undefined })}>{t("findings.clear")}</Button>
      )}
    </div>
  );
}

function Detail({ of }: { of: Entry }) {
  const pairs = telling(of);
  if (pairs.length === 0) return null;
  return (
    <dl class="detail-pairs">
      {pairs.map(([name, value]) => (
        <div key={name}>
          <dt><Text of={name} /></dt>
          <dd><Text of={typeof value === "string" ? value : JSON.stringify(value)} mono /></dd>
        </div>
      ))}
    </dl>
  );
}

function What({ entry }: { entry: Entry }) {
  const name = actionName(entry);
  const screen = screenOf(entry.object);
  return (
    <>
      {name ? <span>{name}</span> : <Text of={entry.action} mono />}
      {entry.object && (
        <div>{screen ? <a href={screen}><Text of={entry.object} mono /></a> : <Text of={entry.object} mono />}</div>
      )}
      <Detail of={entry} />
    </>
  );
}

function Row({ entry }: { entry: Entry }) {
  return (
    <tr>
      <td class="nowrap">
        <time dateTime={new Date(entry.time_ms).toISOString()} class="number">{exact(entry.time_ms)}</time>
        <div class="faint">{ago(entry.time_ms)}</div>
      </td>
      <td>
        {entry.actor ? (
          <button type="button" class="link" title={t("audit.only", { actor: entry.actor })}
            onClick={() => change({ actor: entry.actor })}><Text of={entry.actor} /></button>
        ) : <span class="faint">{t("audit.nobody")}</span>}
        <div class="faint">{t(`audit.kind.${kindOf(entry.kind)}`)}</div>
      </td>
      <td><What entry={entry} /></td>
      <td><State kind={entry.result === "ok" ? "good" : "bad"}>{t(`audit.result.${entry.result}`)}</State></td>
      <td>
        <Text of={entry.address} mono />
        {entry.request && <div class="faint request"><Text of={entry.request} mono /></div>}
      </td>
    </tr>
  );
}

const KINDS = ["user", "token", "agent", "nobody", "server"] as const;

function kindOf(kind: string): (typeof KINDS)[number] {
  return KINDS.find((one) => one === kind) ?? "server";
}

const COLUMNS = ["audit.when", "audit.who", "audit.what", "audit.result", "audit.where"] as const;

function List({ page }: { page: Page }) {
  const label = t("settings.audit");
  if (page.items.length === 0) return <Empty title="audit.empty">{t("audit.emptyHelp")}</Empty>;
  return (
    <>
      <Table label={label} columns={COLUMNS}>{page.items.map((entry) => <Row key={entry.id} entry={entry} />)}</Table>
      <Pages label={label} next={page.next} />
    </>
  );
}

export default function Audit() {
  const view = readAudit();
  const asked = Date.now();
  const page = useResource(JSON.stringify(view), (signal) => may("admin")
    ? api("GET /v1/audit", { query: { ...auditQuery(view, asked), cursor: view.cursor, limit: 100 }, signal })
    : Promise.resolve(undefined));
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("audit-actor")?.focus() }]);
  return (
    <Settings at="audit" action={(["csv", "ndjson"] as const).map((format) => (
      <a key={format} class="button" download href={exportUrl(view, format, asked)}>{t(`audit.export.${format}`)}</a>
    ))}>
      <Filters view={view} />
      <div aria-busy={page.loading} class={page.loading ? "asking" : ""}>
        <Asked of={page}>{(data) => data && <List page={data} />}</Asked>
      </div>
    </Settings>
  );
}
