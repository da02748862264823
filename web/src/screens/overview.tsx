// Overview: what burns, what is new since the last visit, where most of it is, and whether all are watched.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { listen } from "../core/live";
import { findingsUrl, is, NOT_SUPPRESSED, OPEN, seen, SPANS, windowOf, type Span, type Window } from "../core/overview";
import { useResource, type Resource } from "../core/resource";
import { place, urlWith } from "../core/router";
import { may } from "../core/session";
import { now, zone } from "../core/time";
import type { Coverage, Facets, Findings, Histogram } from "../generated/schemas";
import { Chart, type Series } from "../ui/chart";
import { Panel, Ranking } from "../ui/panel";
import { BANDS, Empty, Failure, Loading, Severity, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { CoveragePanel } from "./overview-coverage";
import { SinceLast } from "./overview-since";
import "../styles/chart.css";
import "../styles/overview.css";

const AGAIN_MS = 2000;
const RANKS = [
  { field: "rule", title: "overview.rules" },
  { field: "container.image", title: "overview.images" },
  { field: "ecs.cluster", title: "overview.clusters" },
] as const;

function spanHere(): Span {
  return SPANS.find((span) => span === place.value.query.get("time")) ?? "7d";
}

/** Counts changes that are worth asking again for; many at once are one. */
function useRound(): number {
  const [round, setRound] = useState(0);
  const timer = useRef<number>();
  useEffect(() => {
    const again = () => {
      if (timer.current !== undefined) return;
      timer.current = window.setTimeout(() => { timer.current = undefined; setRound((n) => n + 1); }, AGAIN_MS);
    };
    const stops = (["finding", "agent", "content", "lost"] as const).map((topic) => listen(topic, again));
    return () => { stops.forEach((stop) => stop()); window.clearTimeout(timer.current); };
  }, []);
  return round;
}

function useData(window: Window) {
  const { from, to, width } = window;
  const key = `${from} ${width}`;
  const all = {
    open: useResource<Facets>("open", (signal) => api("GET /v1/findings/facets",
      { query: { filter: OPEN, facets: "status" }, signal })),
    ranks: useResource<Facets>(`ranks ${key}`, (signal) => api("GET /v1/findings/facets",
      { query: { filter: NOT_SUPPRESSED, from, facets: RANKS.map((one) => one.field).join(","), top: 6 }, signal })),
    histogram: useResource<Histogram>(`histogram ${key}`, (signal) => api("GET /v1/findings/histogram",
      { query: { filter: NOT_SUPPRESSED, from, to, width_ms: width }, signal })),
    newest: useResource<Findings>("newest", (signal) => api("GET /v1/findings",
      { query: { filter: `${OPEN} and severity >= 7.0`, limit: 7 }, signal })),
    coverage: useResource<Coverage>("coverage", (signal) => api("GET /v1/coverage",
      { query: { state: "unhealthy", limit: 5 }, signal })),
  };
  const round = useRound();
  useEffect(() => { if (round > 0) for (const one of Object.values(all)) one.reload(); }, [round]);
  return { ...all, round };
}

function Tiles({ open, coverage }: { open: Facets; coverage: Coverage | undefined }) {
  return (
    <ul class="overview-tiles">
      {BANDS.filter((band) => band !== "info").map((band) => (
        <li key={band}>
          <a class={`tile-link ${band}`} href={findingsUrl({ time: "all" }, [is("band", band)])}>
            <span class={`severity ${band}`}><span class="mark" aria-hidden="true" />{t(`severity.${band}`)}</span>
            <strong class="number">{number(open.severity[band])}</strong>
            <span class="faint">{t("overview.open")}</span>
          </a>
        </li>
      ))}
      <li>
        <a class="tile-link" href={`/coverage${coverage?.unhealthy ? "?state=unhealthy" : ""}`}>
          <span class={`health ${coverage?.unhealthy ? "unhealthy" : "healthy"}`}><span class="mark" aria-hidden="true" />
            {t("overview.agents")}</span>
          <strong class="number">{coverage ? `${number(coverage.healthy)} / ${number(coverage.total)}` : "–"}</strong>
          <span class="faint">{t("overview.healthy")}</span>
        </a>
      </li>
    </ul>
  );
}

function Newest({ newest }: { newest: Resource<Findings> }) {
  const items = newest.data?.items;
  return (
    <Panel title={t("overview.newest")} class="wide"
      more={<a href={findingsUrl({ time: "all" }, [is("band", "critical"), is("band", "high")])}>{t("overview.all")}</a>}>
      {newest.error !== undefined && !items ? <Failure error={newest.error} retry={newest.reload} /> : !items ? <Loading />
        : items.length === 0 ? <p class="faint">{t("overview.noneSevere")}</p> : (
          <ul class="newest">
            {items.map((item) => (
              <li key={item.id}>
                <Severity band={item.band} score={item.severity} />
                <div class="newest-what">
                  <a href={`/findings/${encodeURIComponent(item.id)}`}><Said of={item.title} /></a>
                  <div class="faint one-line"><Text of={item.image ?? item.host ?? item.agent} />
                    {item.proc_cmdline && <> · <Text of={item.proc_cmdline} mono /></>}</div>
                </div>
                <span class="faint nowrap">{item.count > 1 && <span class="number">×{number(item.count)} · </span>}
                  <Time ms={item.last_seen_ms} /></span>
              </li>
            ))}
          </ul>
        )}
    </Panel>
  );
}

function Ranks({ ranks, span }: { ranks: Facets; span: Span }) {
  return (
    <div class="overview-three">
      {RANKS.map(({ field, title }) => {
        const facet = ranks.facets.find((one) => one.name === field);
        return (
          <Panel key={field} title={t(title)}>
            <Ranking items={(facet?.values ?? []).filter((one) => one.value !== null)} rest={facet?.rest ?? 0}
              hrefOf={(value) => findingsUrl({ view: "all", time: span }, [seen, is(field, value)])} />
          </Panel>
        );
      })}
    </div>
  );
}

function Spans({ chosen }: { chosen: Span }) {
  return (
    <nav class="pills" aria-label={t("findings.time")}>
      {SPANS.map((span) => (
        <a key={span} href={urlWith({ time: span })} {...(span === chosen ? { "aria-current": "true" as const } : {})}>
          {t(`findings.time.${span}`)}</a>
      ))}
    </nav>
  );
}

function bandSeries(): Series[] {
  return BANDS.map((band) => ({ key: band, label: t(`severity.${band}`),
    mark: <span class={`severity ${band}`}><span class="mark" aria-hidden="true" />{t(`severity.${band}`)}</span> }));
}

function Welcome() {
  return (
    <Empty title="overview.welcome"
      action={may("admin") ? <a class="button primary" href="/onboarding">{t("overview.watch")}</a> : undefined}>
      {t(may("admin") ? "overview.welcomeHelp" : "overview.welcomeViewer")}
    </Empty>
  );
}

export default function Overview() {
  const span = spanHere();
  const offset = zone.value === "utc" ? 0 : -new Date(now.value).getTimezoneOffset() * 60_000;
  const window = windowOf(span, now.value, offset);
  const { open, ranks, histogram, newest, coverage, round } = useData(window);
  const isNew = coverage.data?.total === 0 && newest.data?.total === 0 && open.data?.total === 0;
  return (
    <div class="overview">
      <div class="title-row"><h1>{t("overview.title")}</h1><span class="space" /><Spans chosen={span} /></div>
      {isNew && <Welcome />}
      {open.error !== undefined && !open.data ? <Failure error={open.error} retry={open.reload} />
        : open.data ? <Tiles open={open.data} coverage={coverage.data} /> : <div class="overview-tiles waiting" />}
      <div class="overview-two">
        <div>
          <Panel title={t("overview.chart")} class="wide"
            more={<a href={findingsUrl({ view: "all", time: span }, [seen])}>{t("overview.all")}</a>}>
            {histogram.error !== undefined && !histogram.data ? <Failure error={histogram.error} retry={histogram.reload} />
              : histogram.data && histogram.data.buckets.length > 0
                ? <Chart label={t("overview.chart")} help={t("chart.help")} from={histogram.data.from_ms}
                    width={histogram.data.width_ms} buckets={histogram.data.buckets} series={bandSeries()}
                    hrefOf={(from, to) => findingsUrl({ view: "all", from: String(from), to: String(to) }, [seen])} />
                : <div class="chart waiting" />}
          </Panel>
          <Newest newest={newest} />
        </div>
        <div>
          <SinceLast round={round} />
          <CoveragePanel coverage={coverage} />
        </div>
      </div>
      {ranks.data && <Ranks ranks={ranks.data} span={span} />}
    </div>
  );
}
