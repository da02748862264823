// Findings: what burns, the newest first. Everything chosen is in the address.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { queryOf, readView, type FindingsView } from "../core/findings-view";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { listen } from "../core/live";
import { useResource, type Resource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import type { Facets, Findings as Page, Histogram } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import { done, failed } from "../ui/toasts";
import { FacetPanel } from "./findings-facets";
import { FilterBar } from "./findings-filter";
import { HistogramChart } from "./findings-histogram";
import { FindingsTable, type Row } from "./findings-table";
import { FindingBody, useFinding } from "./finding-body";

const PAGE = 50;
const FACETS = "rule,policy,container.image,ecs.cluster,ecs.task.family,host,user.name,tag,list,item";

/** Grows what is shown, counts what is new; rows never move under the reader. */
function useLiveRows(page: Resource<Page>, paused: boolean): [number, () => void] {
  const [fresh, setFresh] = useState<Set<string>>(new Set());
  const [more, setMore] = useState(0);
  const latest = useRef(page);
  latest.current = page;
  useEffect(() => listen("finding", (event) => {
    if (event.change === "many") setMore((n) => n + (event.count ?? 0));
    const { id } = event;
    if (id === undefined) return;
    const shown = latest.current.data?.items.some((row) => row.id === id);
    if (!shown && event.change === "new") setFresh((old) => new Set(old).add(id));
    if (shown && !paused) {
      latest.current.change((old) => ({ ...old, items: old.items.map((row) => row.id === id ? {
        ...row,
        count: event.count ?? row.count,
        last_seen_ms: event.last_seen_ms ?? row.last_seen_ms,
        status: (event.status as Row["status"] | undefined) ?? row.status,
        assignee: event.assignee === undefined ? row.assignee : event.assignee,
      } : row) }));
    }
  }), [paused]);
  useEffect(() => { setFresh(new Set()); setMore(0); }, [page.data?.next, page.data?.total, page.data === undefined]);
  return [fresh.size + more, () => { setFresh(new Set()); setMore(0); }];
}

function useData(view: FindingsView) {
  const query = queryOf(view);
  const key = JSON.stringify(query);
  const page = useResource<Page>(`${key} ${view.sort} ${view.cursor}`, (signal) => api("GET /v1/findings",
    { query: { ...query, sort: view.sort, limit: PAGE, cursor: view.cursor }, signal }));
  const facets = useResource<Facets>(key, (signal) => api("GET /v1/findings/facets",
    { query: { ...query, facets: FACETS, top: 6 }, signal }));
  const histogram = useResource<Histogram>(key, (signal) => api("GET /v1/findings/histogram", { query, signal }));
  const reload = () => { page.reload(); facets.reload(); histogram.reload(); };
  return { page, facets, histogram, reload };
}

function useRowKeys(rows: Row[], reload: () => void): [number, (at: number) => void] {
  const [at, setAt] = useState(-1);
  const row = rows[at];
  const move = (to: number) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setAt(next);
    document.querySelector(`[data-row="${next}"]`)?.scrollIntoView({ block: "nearest" });
  };
  const archive = () => {
    if (!row || !may("triage")) return;
    const status = row.status === "archived" ? "new" : "archived";
    api("PATCH /v1/findings/{id}", { path: { id: row.id }, body: { status } })
      .then(() => { done(t("finding.saved", { what: t(`status.${status}`) })); reload(); }, failed);
  };
  useKeys([
    { key: "j", label: t("keys.next"), run: () => move(at + 1) },
    { key: "k", label: t("keys.previous"), run: () => move(at - 1) },
    { key: "Enter", label: t("keys.open"), run: () => { if (row) go(urlWith({ open: row.id })); } },
    { key: "e", label: t("keys.archive"), run: archive },
    { key: "/", label: t("keys.search"), run: () => document.getElementById("findings-search")?.focus() },
  ]);
  return [at, setAt];
}

function Drawer({ id, onChange }: { id: string; onChange: () => void }) {
  const close = () => go(urlWith({ open: undefined }));
  const finding = useFinding(id);
  return (
    <Dialog drawer title={t("finding.title")} onClose={close}
      extra={<a class="button quiet" href={`/findings/${encodeURIComponent(id)}`}>{t("finding.open")}</a>}>
      <FindingBody finding={finding} onChange={onChange} />
    </Dialog>
  );
}

function Pages({ view, next }: { view: FindingsView; next: string | null }) {
  if (!view.cursor && !next) return null;
  return (
    <nav class="pages" aria-label={t("findings.title")}>
      {view.cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
      {next && <a class="button" href={urlWith({ cursor: next })}>{t("action.next")}</a>}
    </nav>
  );
}

function isNarrowed(view: FindingsView): boolean {
  return view.choices.length > 0 || view.text !== "" || view.filter !== "" || view.view !== "open" || view.span !== "all";
}

export default function Findings() {
  const view = readView();
  const [paused, setPaused] = useState(false);
  const { page, facets, histogram, reload } = useData(view);
  const [fresh, forget] = useLiveRows(page, paused);
  const rows = page.data?.items ?? [];
  const [at, setAt] = useRowKeys(rows, reload);
  const openId = place.value.query.get("open");
  useEffect(() => listen("lost", reload), []);
  return (
    <div class="findings">
      <div class="title-row">
        <h1>{t("findings.title")}</h1>
        <span class="faint" role="status">{page.data ? t("findings.count", { count: page.data.total }) : ""}</span>
        <span class="space" />
        {fresh > 0 && !paused && (
          <Button kind="primary" class="fresh" onClick={() => {
            forget();
            if (view.cursor) go(urlWith({ cursor: undefined }));
            reload();
          }}>{t("findings.new", { count: fresh })}</Button>
        )}
        <Button kind="quiet" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          {t(paused ? "findings.resume" : "findings.pause")}
        </Button>
      </div>
      <FilterBar key={`${view.text} ${view.filter}`} view={view} />
      <HistogramChart histogram={histogram} view={view} />
      <div class="columns">
        <FacetPanel facets={facets} choices={view.choices} />
        <section aria-label={t("findings.title")} class={page.loading ? "asking results" : "results"} aria-busy={page.loading}>
          {page.error !== undefined
            ? <Failure error={page.error} retry={reload} />
            : page.data === undefined ? <Loading />
              : rows.length === 0
                ? <Empty title="findings.empty">
                    {t(isNarrowed(view) && (facets.data?.total ?? 0) === 0 && view.span === "7d" &&
                      view.choices.length === 0 && !view.text && !view.filter
                      ? "findings.emptyAtAll" : "findings.emptyFiltered")}
                  </Empty>
                : <FindingsTable rows={rows} at={at} onAt={setAt} choices={view.choices} />}
          <Pages view={view} next={page.data?.next ?? null} />
        </section>
      </div>
      {openId && <Drawer key={openId} id={openId} onChange={reload} />}
    </div>
  );
}
