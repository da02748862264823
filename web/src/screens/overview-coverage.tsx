// Of the overview: who watches, and whose trouble is whose.
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { reasonName } from "../core/coverage";
import { useResource, type Resource } from "../core/resource";
import { may } from "../core/session";
import type { Agents, Coverage } from "../generated/schemas";
import { Panel } from "../ui/panel";
import { Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";

function Trouble({ coverage }: { coverage: Coverage }) {
  const agents = useResource<Agents>("agents", (signal) =>
    api("GET /v1/agents", { query: { limit: 500 }, signal }));
  const names = new Map((agents.data?.items ?? []).map((agent) => [agent.id, agent.name]));
  return (
    <ul class="trouble">
      {coverage.items.map((item) => (
        <li key={item.agent}>
          <a href={`/coverage/${encodeURIComponent(item.agent)}`}><Text of={names.get(item.agent) || item.agent} /></a>
          <span class="faint">{item.reasons.map((reason) => reasonName(reason.code)).join(", ")}</span>
        </li>
      ))}
      {coverage.unhealthy > coverage.items.length &&
        <li><a href="/coverage?state=unhealthy">
          {t("findings.rest", { count: coverage.unhealthy - coverage.items.length })}</a></li>}
    </ul>
  );
}

function Figures({ data }: { data: Coverage }) {
  return (
    <>
      <p class="share">
        <progress max={data.total} value={data.healthy} aria-label={t("coverage.healthy")} />
        <span class="number">{t("overview.healthyOf", { healthy: data.healthy, total: data.total })}</span>
      </p>
      <dl class="pairs">
        <div><dt>{t("coverage.watched")}</dt><dd class="number">{number(data.watched_containers)}</dd></div>
        <div><dt>{t("coverage.unwatched")}</dt><dd class={data.unwatched_containers > 0 ? "number fault" : "number"}>
          {number(data.unwatched_containers)}</dd></div>
      </dl>
      {data.unhealthy > 0 && <Trouble coverage={data} />}
    </>
  );
}

export function CoveragePanel({ coverage }: { coverage: Resource<Coverage> }) {
  const data = coverage.data;
  return (
    <Panel title={t("coverage.title")} more={<a href="/coverage">{t("overview.all")}</a>}>
      {coverage.error !== undefined && !data ? <Failure error={coverage.error} retry={coverage.reload} />
        : !data ? <Loading /> : data.total === 0 ? <p class="faint">{t("coverage.empty")}</p> : <Figures data={data} />}
      {may("admin") && <a class="button" href="/onboarding">{t("overview.watchMore")}</a>}
    </Panel>
  );
}
