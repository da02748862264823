// Of the overview: what changed since the reader was here before.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { reasonName } from "../core/coverage";
import { t } from "../core/i18n";
import { findingsUrl, NOT_SUPPRESSED, visitOf, visitText } from "../core/overview";
import { useResource } from "../core/resource";
import { me } from "../core/session";
import { recall, remember } from "../core/storage";
import { now } from "../core/time";
import type { Agents, ContentVersions, Coverage, Facets } from "../generated/schemas";
import { Panel } from "../ui/panel";
import { Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";

const DAY_MS = 86_400_000;
const VERSIONS = 20;
const SHOWN = 4;

/** When the visit before this one ended; without one, a day ago. */
function useLast(): { since: number; first: boolean } {
  const name = `visit.${me.value?.name ?? ""}`;
  const [visit] = useState(() => visitOf(recall(name), Date.now()));
  useEffect(() => { remember(name, visitText({ last: visit.last, now: Date.now() })); }, [now.value]);
  return { since: visit.last ?? visit.now - DAY_MS, first: visit.last === null };
}

function newSince(since: number): string {
  return `${NOT_SUPPRESSED} and first_seen > ${since}`;
}

interface Changes { findings: Facets; agents: Agents; coverage: Coverage; versions: ContentVersions }

function useChanges(since: number, round: number) {
  const changes = useResource<Changes>(`since ${since}`, async (signal) => {
    const [findings, agents, coverage, versions] = await Promise.all([
      api("GET /v1/findings/facets", { query: { filter: newSince(since), facets: "status" }, signal }),
      api("GET /v1/agents", { query: { limit: 500 }, signal }),
      api("GET /v1/coverage", { query: { state: "unhealthy", limit: 500 }, signal }),
      api("GET /v1/content/versions", { query: { limit: VERSIONS }, signal }),
    ]);
    return { findings, agents, coverage, versions };
  });
  useEffect(() => { if (round > 0) changes.reload(); }, [round]);
  return changes;
}

function NewFindings({ of, since }: { of: Facets; since: number }) {
  const { critical, high } = of.severity;
  return (
    <li>
      <a href={findingsUrl({ view: "all", time: "all", filter: newSince(since) })}>
        {t("since.findings", { count: of.total })}</a>
      {critical + high > 0 && <span class="faint"> {t("since.severe", { critical, high })}</span>}
    </li>
  );
}

function Versions({ of, since }: { of: ContentVersions; since: number }) {
  const items = of.items.filter((one) => one.time_ms > since);
  const all = items.length === VERSIONS ? `${VERSIONS}+` : String(items.length);
  if (items.length === 0) return <li class="faint">{t("since.noContent")}</li>;
  return (
    <li>{t("since.content", { count: all })}
      <ul>
        {items.slice(0, SHOWN).map((one) => (
          <li key={one.version} class="faint">
            <Time ms={one.time_ms} />, <Text of={one.author} />: {one.changes.slice(0, 3).map((change, i) => (
              <span key={i}>{i > 0 && ", "}{change.kind === "list" || change.kind === "rule" || change.kind === "policy"
                ? <a href={`/${change.kind === "policy" ? "policies" : `${change.kind}s`}/${encodeURIComponent(change.name)}`}>
                    <Text of={change.name} /></a> : <Text of={change.name} />}</span>
            ))}{one.changes.length > 3 && ` ${t("findings.rest", { count: one.changes.length - 3 })}`}
            {one.changes.length === 0 && <Text of={one.comment} />}
          </li>
        ))}
      </ul>
    </li>
  );
}

function AgentChanges({ changes, since }: { changes: Changes; since: number }) {
  const names = new Map(changes.agents.items.map((agent) => [agent.id, agent.name]));
  const fresh = changes.agents.items.filter((agent) => agent.created_ms > since && agent.state === "active");
  const fell = changes.coverage.items.filter((item) => item.since_ms > since);
  return (
    <>
      <li>{fresh.length > 0 ? <a href="/coverage">{t("since.agents", { count: fresh.length })}</a>
        : <span class="faint">{t("since.noAgents")}</span>}</li>
      <li>{fell.length > 0 ? <a href="/coverage?state=unhealthy">{t("since.fell", { count: fell.length })}</a>
        : <span class="faint">{t("since.noneFell")}</span>}
        {fell.length > 0 && <ul>{fell.slice(0, SHOWN).map((item) => (
          <li key={item.agent} class="faint"><Text of={names.get(item.agent) || item.agent} />: {item.reasons
            .map((reason) => reasonName(reason.code)).join(", ")}</li>
        ))}</ul>}</li>
    </>
  );
}

export function SinceLast({ round }: { round: number }) {
  const { since, first } = useLast();
  const changes = useChanges(since, round);
  const data = changes.data;
  return (
    <Panel title={first ? t("since.day") : t("since.title")} class="since">
      {!first && <p class="faint"><Time ms={since} full /></p>}
      {changes.error !== undefined && !data ? <Failure error={changes.error} retry={changes.reload} /> : !data ? <Loading /> : (
        <ul class="plain">
          <NewFindings of={data.findings} since={since} />
          <AgentChanges changes={data} since={since} />
          <Versions of={data.versions} since={since} />
        </ul>
      )}
    </Panel>
  );
}
