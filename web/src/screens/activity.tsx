// Activity: what happened beside alerts: programs started, connections made, names asked for, files opened for writing.
import { useState } from "preact/hooks";
import { filterOf, KINDS, readView, SPANS, timesOf, type View } from "../core/activity";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource, type Resource } from "../core/resource";
import { go, urlWith } from "../core/router";
import { exact } from "../core/time";
import type { Activity, ActivityHistogram } from "../generated/schemas";
import { Chart } from "../ui/chart";
import { Select } from "../ui/field";
import { FilterInput } from "../ui/filter-input";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import { Pills } from "../ui/pills";
import { ActivityTable, KindMark } from "./activity-table";
import "../styles/chart.css";
import "../styles/activity.css";

const PAGE = 100;
const INPUT = "activity-filter";

function change(changes: Record<string, string | undefined>): void {
  go(urlWith({ cursor: undefined, ...changes }));
}

function useData(view: View, asked: number) {
  const times = timesOf(view, asked);
  const filter = filterOf(view);
  const key = `${filter} ${times.from} ${times.to}`;
  const page = useResource<Activity>(`${key} ${view.cursor}`, (signal) => api("GET /v1/activity",
    { query: { filter, from: times.from, to: times.to, limit: PAGE, cursor: view.cursor }, signal }));
  const histogram = useResource<ActivityHistogram>(key, (signal) => api("GET /v1/activity/histogram",
    { query: { filter, from: times.from, to: times.to, width_ms: times.width }, signal }));
  return { page, histogram, times };
}

function Filter({ view }: { view: View }) {
  const [text, setText] = useState(view.filter);
  const submit = () => change({ filter: text.trim() || undefined });
  return (
    <form role="search" class="activity-filter" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <FilterInput id={INPUT} label={t("findings.filter")} mode="activity" value={text} onValue={setText} onSubmit={submit} />
      <Button submit>{t("findings.filterApply")}</Button>
    </form>
  );
}

function Bar({ view, onRefresh }: { view: View; onRefresh: () => void }) {
  return (
    <div class="activity-bar">
      <Pills name="kind" chosen={view.kind} label={t("activity.kinds")} choices={[
        { value: undefined, label: t("coverage.all") },
        ...KINDS.map((kind) => ({ value: kind, label: t(`activity.${kind}`) }))]} />
      <span class="space" />
      <Select label={t("findings.time")} value={view.from === undefined ? view.span : "range"}
        choices={[...SPANS.map((span) => ({ value: span as string, label: t(`activity.span.${span}`) })),
          ...(view.from === undefined ? [] : [{ value: "range", label: t("findings.time.range",
            { from: exact(view.from), to: exact(view.to ?? view.from) }) }])]}
        onChoose={(span) => { if (span !== "range") change({ time: span, from: undefined, to: undefined }); }} />
      <Button onClick={onRefresh}>{t("activity.refresh")}</Button>
    </div>
  );
}

function Histogram({ histogram }: { histogram: Resource<ActivityHistogram> }) {
  const data = histogram.data;
  if (histogram.error !== undefined && !data) return null;
  if (!data) return <div class="chart low" />;
  return (
    <section class="panel" aria-label={t("activity.chart")}>
      <Chart low label={t("activity.chart")} help={t("activity.chartHelp")} from={data.from_ms} width={data.width_ms}
        buckets={data.buckets}
        series={KINDS.map((kind) => ({ key: kind, label: t(`activity.${kind}`), mark: <KindMark kind={kind} /> }))}
        hrefOf={(from, to) => urlWith({ from: String(from), to: String(to), cursor: undefined })} />
      {!data.complete && <p class="note">{t("activity.incomplete", { time: exact(data.counted_from_ms) })}</p>}
    </section>
  );
}

function Results({ page, view }: { page: Resource<Activity>; view: View }) {
  const items = page.data?.items;
  if (page.error !== undefined && (!items || !page.loading)) return <Failure error={page.error} retry={page.reload} />;
  if (!items) return <Loading />;
  if (items.length === 0) {
    return <Empty title="activity.empty">{t(view.filter || view.kind || view.from !== undefined
      ? "activity.emptyFiltered" : "activity.emptyAtAll")}</Empty>;
  }
  return <ActivityTable items={items} view={view} />;
}

function Pages({ page, view }: { page: Resource<Activity>; view: View }) {
  if (!view.cursor && !page.data?.next) return null;
  return (
    <nav class="pages" aria-label={t("activity.title")}>
      {view.cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
      {page.data?.next && <a class="button" href={urlWith({ cursor: page.data.next })}>{t("action.next")}</a>}
    </nav>
  );
}

export default function ActivityScreen() {
  const view = readView();
  const [asked, setAsked] = useState(() => Date.now());
  const { page, histogram } = useData(view, asked);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById(INPUT)?.focus() }]);
  const counted = histogram.data;
  const total = counted && t(counted.complete ? "activity.count" : "activity.countAtLeast", { count: number(counted.total) });
  const refresh = () => { setAsked(Date.now()); if (view.cursor) change({}); };
  return (
    <>
      <div class="title-row">
        <h1>{t("activity.title")}</h1>
        <span class="faint" role="status">{total}</span>
      </div>
      <p class="intro">{t("activity.intro")}</p>
      <Filter key={view.filter} view={view} />
      <Bar view={view} onRefresh={refresh} />
      <Histogram histogram={histogram} />
      <div class={page.loading ? "results asking" : "results"} aria-busy={page.loading}><Results page={page} view={view} /></div>
      <Pages page={page} view={view} />
    </>
  );
}
