// Coverage: which agents watch, how well, and what is seen but not watched.
import { useEffect } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { place, urlWith } from "../core/router";
import { may } from "../core/session";
import type { Agents, Coverage as State, Rollout } from "../generated/schemas";
import { Failure, Loading } from "../ui/parts";
import { Pills } from "../ui/pills";
import { AgentTable } from "./coverage-agents";
import { ContainerTable } from "./coverage-containers";
import "../styles/coverage.css";

const PAGE = 100;

function Sums({ data }: { data: State }) {
  const all = data.healthy + data.unhealthy;
  const tiles: Array<[string, number, string, string]> = [
    [t("coverage.healthy"), data.healthy, "healthy", urlWith({ see: undefined, state: "healthy", cursor: undefined })],
    [t("coverage.unhealthy"), data.unhealthy, data.unhealthy > 0 ? "unhealthy" : "",
      urlWith({ see: undefined, state: "unhealthy", cursor: undefined })],
    [t("coverage.watched"), data.watched_containers, "",
      urlWith({ see: "containers", state: "watched", cursor: undefined })],
    [t("coverage.unwatched"), data.unwatched_containers, data.unwatched_containers > 0 ? "unhealthy" : "",
      urlWith({ see: "containers", state: "unwatched", cursor: undefined })],
  ];
  return (
    <>
      <ul class="tiles plain-list">
        {tiles.map(([name, value, kind, href]) => (
          <li key={name}><a class={`tile ${kind}`} href={href}>
            <span class="faint">{name}</span><strong class="number">{number(value)}</strong></a></li>
        ))}
      </ul>
      {all > 0 && (
        <p class="share">
          <progress max={all} value={data.healthy} aria-label={t("coverage.healthy")} />
          <span>{t("coverage.share", { percent: Math.floor(data.healthy * 100 / all) })}</span>
        </p>
      )}
    </>
  );
}

function useData(state: "healthy" | "unhealthy" | undefined, cursor: string | undefined) {
  const coverage = useResource<State>(`coverage ${state} ${cursor}`, (signal) =>
    api("GET /v1/coverage", { query: { state, cursor, limit: PAGE }, signal }));
  const agents = useResource<Agents>("agents", (signal) => api("GET /v1/agents", { query: { limit: 500 }, signal }));
  const rules = useResource<Rollout>("rules", (signal) => api("GET /v1/content/rollout", { query: { limit: 1 }, signal }));
  useEffect(() => {
    const again = () => { coverage.reload(); agents.reload(); rules.reload(); };
    const stops = [listen("agent", again), listen("content", rules.reload), listen("lost", again)];
    return () => stops.forEach((stop) => stop());
  }, []);
  return { coverage, agents, newest: rules.data?.newest };
}

export default function Coverage() {
  const query = place.value.query;
  const see = query.get("see") === "containers" ? "containers" : undefined;
  const wanted = query.get("state");
  const state = see === undefined && (wanted === "healthy" || wanted === "unhealthy") ? wanted : undefined;
  const { coverage, agents, newest } = useData(state, see ? undefined : query.get("cursor") ?? undefined);
  const data = coverage.data;
  const names = new Map((agents.data?.items ?? []).map((agent) => [agent.id, agent]));
  if (coverage.error !== undefined && !data) return <Failure error={coverage.error} retry={coverage.reload} />;
  return (
    <>
      <div class="title-row">
        <h1>{t("coverage.title")}</h1><span class="space" />
        {may("admin") && <a class="button primary" href="/onboarding">{t("overview.watchMore")}</a>}
      </div>
      <p class="intro">{t("coverage.intro")}</p>
      {!data ? <Loading /> : (
        <>
          <Sums data={data} />
          <Pills name="see" chosen={see} label={t("coverage.see")} choices={[
            { value: undefined, label: t("coverage.agents") }, { value: "containers", label: t("coverage.tasks") }]} />
          {see ? <ContainerTable names={names} />
            : <AgentTable data={data} names={names} newest={newest} state={state} />}
        </>
      )}
    </>
  );
}
