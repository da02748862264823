// Coverage: which agents watch, how well, and what is seen but not watched.
import { useEffect } from "preact/hooks";
import { api } from "../core/api";
import { number, t, type Key } from "../core/i18n";
import { en } from "../core/en";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { place, urlWith } from "../core/router";
import type { Agents, Coverage as State } from "../generated/schemas";
import { Empty, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";

const PAGE = 100;
type Item = State["items"][number];

function reasonName(code: string): string {
  const key = `reason.${code}`;
  return key in en ? t(key as Key & "reason.silent") : code;
}

/** Whether the server says no more than the name of the reason. */
function isSame(reason: Item["reasons"][number]): boolean {
  const key = `reason.${reason.code}`;
  return key in en && en[key as Key].toLowerCase() === reason.text.toLowerCase();
}

/** A member of the heartbeat, which agents write. */
function said(item: Item, name: string): string | null {
  const value = item.heartbeat?.[name];
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

/** The version of the rules it works with. */
function rulesOf(item: Item): string | null {
  const bundle = item.heartbeat?.bundle;
  const version = typeof bundle === "object" && bundle !== null && "version" in bundle ? bundle.version : null;
  return typeof version === "number" ? String(version) : null;
}

function Mark({ state }: { state: Item["state"] }) {
  return <span class={`health ${state}`}><span class="mark" aria-hidden="true" />{t(`coverage.${state}`)}</span>;
}

function Row({ item, agent }: { item: Item; agent: Agents["items"][number] | undefined }) {
  return (
    <tr>
      <td>
        <Text of={agent?.name || item.agent} />
        <div class="faint"><Text of={item.agent} mono /></div>
        {agent?.cluster && <div class="faint"><Text of={agent.cluster} /></div>}
      </td>
      <td>
        <Mark state={item.state} />
        {item.reasons.length > 0 && (
          <ul class="reasons">{item.reasons.map((reason) => (
            <li key={reason.code}>{reasonName(reason.code)}
              {!isSame(reason) && <div class="faint"><Text of={reason.text} /></div>}</li>
          ))}</ul>
        )}
      </td>
      <td>
        <span class="number">{number(item.watched_containers)}</span>
        {item.unwatched_containers > 0 && (
          <details>
            <summary>{t("coverage.notWatched", { count: item.unwatched_containers })}</summary>
            <ul>{item.unwatched.map((one, i) => (
              <li key={i}>{Object.entries(one).map(([name, value]) => (
                <div key={name}><span class="faint">{name}</span> <Text of={String(value)} mono /></div>
              ))}</li>
            ))}</ul>
          </details>
        )}
      </td>
      <td><Text of={said(item, "sensor") ?? agent?.sensor} /></td>
      <td><Text of={said(item, "version") ?? agent?.version} /></td>
      <td class="number"><Text of={rulesOf(item)} /></td>
      <td class="nowrap">{item.received_ms > 0 ? <Time ms={item.received_ms} /> : t("coverage.never")}</td>
    </tr>
  );
}

function Sums({ data }: { data: State }) {
  const all = data.healthy + data.unhealthy;
  const tiles: Array<[string, number, string]> = [
    [t("coverage.healthy"), data.healthy, "healthy"],
    [t("coverage.unhealthy"), data.unhealthy, data.unhealthy > 0 ? "unhealthy" : ""],
    [t("coverage.watched"), data.watched_containers, ""],
    [t("coverage.unwatched"), data.unwatched_containers, data.unwatched_containers > 0 ? "unhealthy" : ""],
  ];
  return (
    <>
      <dl class="tiles">
        {tiles.map(([name, value, kind]) => <div key={name} class={`tile ${kind}`}><dt>{name}</dt><dd>{number(value)}</dd></div>)}
      </dl>
      {all > 0 && (
        <p class="share">
          <progress max={all} value={data.healthy} aria-label={t("coverage.healthy")} />
          <span>{t("coverage.share", { percent: Math.floor(data.healthy * 100 / all) })}</span>
        </p>
      )}
    </>
  );
}

export default function Coverage() {
  const wanted = place.value.query.get("state");
  const state = wanted === "healthy" || wanted === "unhealthy" ? wanted : undefined;
  const cursor = place.value.query.get("cursor") ?? undefined;
  const coverage = useResource<State>(`coverage ${state} ${cursor}`, (signal) =>
    api("GET /v1/coverage", { query: { state, cursor, limit: PAGE }, signal }));
  const agents = useResource<Agents>("agents", (signal) => api("GET /v1/agents", { query: { limit: 500 }, signal }));
  useEffect(() => listen("agent", () => { coverage.reload(); agents.reload(); }), []);
  const data = coverage.data;
  const names = new Map((agents.data?.items ?? []).map((agent) => [agent.id, agent]));
  if (coverage.error !== undefined && !data) return <Failure error={coverage.error} retry={coverage.reload} />;
  return (
    <>
      <div class="title-row"><h1>{t("coverage.title")}</h1></div>
      <p class="intro">{t("coverage.intro")}</p>
      {!data ? <Loading /> : (
        <>
          <Sums data={data} />
          <nav class="pills" aria-label={t("coverage.col.state")}>
            {([undefined, "healthy", "unhealthy"] as const).map((one) => (
              <a key={one ?? "all"} href={urlWith({ state: one, cursor: undefined })}
                {...(one === state ? { "aria-current": "true" as const } : {})}>{t(`coverage.${one ?? "all"}`)}</a>
            ))}
          </nav>
          {data.items.length === 0 ? <Empty title="coverage.empty">{t("coverage.emptyHelp")}</Empty> : (
            <div class="scroll" tabIndex={0} role="region" aria-label={t("coverage.agents")}>
              <table class="table">
                <thead>
                  <tr>
                    {(["agent", "state", "containers", "sensor", "version", "rules", "heard"] as const).map((column) =>
                      <th key={column} scope="col">{t(`coverage.col.${column}`)}</th>)}
                  </tr>
                </thead>
                <tbody>{data.items.map((item) => <Row key={item.agent} item={item} agent={names.get(item.agent)} />)}</tbody>
              </table>
            </div>
          )}
          {data.next && (
            <nav class="pages" aria-label={t("coverage.agents")}>
              <a class="button" href={urlWith({ cursor: data.next })}>{t("action.next")}</a>
            </nav>
          )}
        </>
      )}
    </>
  );
}
