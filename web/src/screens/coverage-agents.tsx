// Of coverage: the agents, each with its state and why, what it is, what it lost.
import { numberOf, reasonName, textOf, type Item } from "../core/coverage";
import { number, t } from "../core/i18n";
import { urlWith } from "../core/router";
import { may } from "../core/session";
import type { Agents, Coverage } from "../generated/schemas";
import { Empty, Time } from "../ui/parts";
import { Pills } from "../ui/pills";
import { Text } from "../ui/text";

export type Agent = Agents["items"][number];
export type Names = Map<string, Agent>;

export function Mark({ state }: { state: Item["state"] }) {
  return <span class={`health ${state}`}><span class="mark" aria-hidden="true" />{t(`coverage.${state}`)}</span>;
}

/** What the agent says itself, where that is more than the reason's name. */
export function Words({ item, code }: { item: Item; code: string }) {
  const said = code === "agent" ? textOf(item.heartbeat, "health.reason")
    : code === "rules_refused" ? textOf(item.heartbeat, "bundle.error") : null;
  return said ? <div class="faint"><Text of={said} /></div> : null;
}

/** The version of the rules it works with, and whether there is a newer one. */
export function RulesVersion({ item, newest }: { item: Item; newest: number | undefined }) {
  const version = numberOf(item.heartbeat, "bundle.version");
  if (version === null) return <span class="faint">–</span>;
  return (
    <>
      <span class="number">{number(version)}</span>
      {newest !== undefined && version < newest && <div class="fault">{t("coverage.behind", { newest })}</div>}
    </>
  );
}

function Losses({ item }: { item: Item }) {
  const drops = numberOf(item.heartbeat, "drops");
  const gaps = numberOf(item.heartbeat, "gaps");
  if (drops === null && gaps === null) return <span class="faint">–</span>;
  const any = (drops ?? 0) + (gaps ?? 0) > 0;
  return <span class={any ? "" : "faint"}>{t("coverage.lost", { drops: drops ?? 0, gaps: gaps ?? 0 })}</span>;
}

function Row({ item, agent, newest }: { item: Item; agent: Agent | undefined; newest: number | undefined }) {
  return (
    <tr>
      <th scope="row">
        <a href={`/coverage/${encodeURIComponent(item.agent)}`}><Text of={agent?.name || item.agent} /></a>
        {agent?.cluster && <div class="faint"><Text of={agent.cluster} /></div>}
        {agent && agent.state !== "active" && <div class="fault">{t(`coverage.agentState.${agent.state}`)}</div>}
      </th>
      <td data-label={t("coverage.col.state")}>
        <Mark state={item.state} />
        {item.reasons.length > 0 && (
          <ul class="reasons">{item.reasons.map((reason) => (
            <li key={reason.code}>{reasonName(reason.code)}<Words item={item} code={reason.code} /></li>
          ))}</ul>
        )}
      </td>
      <td data-label={t("coverage.col.containers")}>
        {item.kind === "falco" ? <span class="faint">–</span> : <span class="number">{number(item.watched_containers)}</span>}
        {item.unwatched_containers > 0 && <div><a href={`/coverage/${encodeURIComponent(item.agent)}`}>
          {t("coverage.notWatched", { count: item.unwatched_containers })}</a></div>}
      </td>
      <td data-label={t("coverage.col.sensor")}>
        {item.kind === "falco" ? "Falco" : <Text of={textOf(item.heartbeat, "sensor") ?? agent?.sensor} />}
        {item.kind !== "falco" && <div class="faint"><Text of={textOf(item.heartbeat, "version") ?? agent?.version} /></div>}
      </td>
      <td data-label={t("coverage.col.rules")}><RulesVersion item={item} newest={newest} /></td>
      <td data-label={t("coverage.col.losses")}><Losses item={item} /></td>
      <td data-label={t("coverage.col.heard")} class="nowrap">
        {item.received_ms > 0 ? <Time ms={item.received_ms} /> : t("coverage.never")}</td>
    </tr>
  );
}

const COLUMNS = ["agent", "state", "containers", "sensor", "rules", "losses", "heard"] as const;

function Nobody({ data }: { data: Coverage }) {
  if (data.total > 0) return <Empty title="coverage.noneSuch">{t("coverage.noneSuchHelp")}</Empty>;
  return (
    <Empty title="coverage.empty"
      action={may("admin") ? <a class="button primary" href="/onboarding">{t("overview.watch")}</a> : undefined}>
      {t(may("admin") ? "overview.welcomeHelp" : "overview.welcomeViewer")}
    </Empty>
  );
}

export function AgentTable({ data, names, newest, state }:
  { data: Coverage; names: Names; newest: number | undefined; state: string | undefined }) {
  return (
    <>
      <Pills name="state" chosen={state} label={t("coverage.col.state")} choices={[
        { value: undefined, label: t("coverage.all") }, { value: "healthy", label: t("coverage.healthy") },
        { value: "unhealthy", label: t("coverage.unhealthy") }]} />
      {data.items.length === 0 ? <Nobody data={data} /> : (
        <div class="scroll" tabIndex={0} role="region" aria-label={t("coverage.agents")}>
          <table class="table cards agents">
            <thead><tr>{COLUMNS.map((column) => <th key={column} scope="col">{t(`coverage.col.${column}`)}</th>)}</tr></thead>
            <tbody>{data.items.map((item) =>
              <Row key={item.agent} item={item} agent={names.get(item.agent)} newest={newest} />)}</tbody>
          </table>
        </div>
      )}
      {data.next && (
        <nav class="pages" aria-label={t("action.next")}>
          <a class="button" href={urlWith({ cursor: data.next })}>{t("action.next")}</a>
        </nav>
      )}
    </>
  );
}
