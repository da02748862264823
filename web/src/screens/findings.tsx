// Findings: what burns, the newest first. Everything chosen is in the address.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { queryOf, readView, type FindingsView } from "../core/findings-view";
import { number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { Dialog } from "../ui/dialog";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import { done, failed } from "../ui/toasts";
import { BulkBar } from "./findings-bulk";
import { pickNow, type RowActions } from "./findings-cell";
import { ColumnsDialog } from "./findings-columns";
import { useCounts, useLive, useRows, type Rows } from "./findings-data";
import { ExportMenu } from "./findings-export";
import { FacetPanel } from "./findings-facets";
import { FilterBar } from "./findings-filter";
import { GroupsList } from "./findings-groups";
import { HistogramChart } from "./findings-histogram";
import { SavedMenu, useSaved } from "./findings-saved";
import { BAR_PX, FindingsTable, mostRows, showRow } from "./findings-table";
import { FindingBody, useFinding } from "./finding-body";

/** As many as are ticked one by one; for more there is "all". */
const RANGE_MOST = 5000;

interface Choosing {
  ids: ReadonlySet<string>;
  all: boolean;
  choose: (index: number, range: boolean) => void;
  chooseAll: () => void;
  clear: () => void;
}

/** What is ticked. Shift ticks all from the last one on, also what was not loaded yet. */
function useChoosing({ source }: Rows, key: string): Choosing {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [all, setAll] = useState(false);
  const last = useRef(-1);
  const clear = () => { setIds(new Set()); setAll(false); last.current = -1; };
  useEffect(clear, [key]);
  const range = async (from: number, to: number) => {
    if (!source) return;
    if (to - from >= RANGE_MOST) throw new Error(t("findings.rangeMost", { count: number(RANGE_MOST) }));
    const more = await source.idsOf(from, to, new AbortController().signal);
    setIds((old) => new Set([...old, ...more]));
  };
  const choose = (index: number, ranged: boolean) => {
    const row = source?.row(index);
    setAll(false);
    if (ranged && last.current >= 0) {
      range(Math.min(last.current, index), Math.max(last.current, index)).catch(failed);
    } else if (row) {
      setIds((old) => {
        const next = new Set(old);
        if (!next.delete(row.id)) next.add(row.id);
        return next;
      });
    }
    last.current = index;
  };
  return { ids, all, choose, chooseAll: () => setAll(true), clear };
}

function useStable<T extends object>(of: T): T {
  const latest = useRef(of);
  latest.current = of;
  return useMemo(() => Object.fromEntries(Object.keys(of).map((name) => [name,
    (...args: unknown[]) => (latest.current[name as keyof T] as (...all: unknown[]) => unknown)(...args)])) as T, []);
}

/** The row that the keys are at, as long as the list is the same. */
function useMark(source: Rows["source"]): [number, (at: number) => void] {
  const [mark, setMark] = useState<{ source: Rows["source"]; at: number }>({ source: null, at: -1 });
  return [mark.source === source ? mark.at : -1, (at) => setMark({ source, at })];
}

interface RowKeys {
  rows: Rows;
  view: FindingsView;
  choosing: Choosing;
  reload: () => void;
  at: number;
  setAt: (at: number) => void;
}

function useRowKeys({ rows: { source }, view, choosing, reload, at, setAt }: RowKeys): void {
  const row = source?.row(at);
  const move = (step: number) => {
    const count = Math.min(source?.total ?? 0, mostRows());
    const next = Math.max(0, Math.min(count - 1, at + step));
    if (count === 0) return;
    setAt(next);
    showRow(next);
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-row="${next}"] a`)?.focus({ preventScroll: true }));
  };
  const archive = () => {
    if (!row || !may("triage")) return;
    const status = row.status === "archived" ? "new" : "archived";
    api("PATCH /v1/findings/{id}", { path: { id: row.id }, body: { status } })
      .then(() => { done(t("finding.saved", { what: t(`status.${status}`) })); reload(); }, failed);
  };
  const focus = (id: string) => document.getElementById(id)?.focus();
  const list = view.group === "none";
  useKeys([
    ...(list ? [
      { key: "j", label: t("keys.next"), run: () => move(1) },
      { key: "k", label: t("keys.previous"), run: () => move(-1) },
      { key: "Enter", label: t("keys.open"), run: () => { if (row) go(urlWith({ open: row.id })); } },
    ] : []),
    ...(list && may("triage") ? [
      { key: "e", label: t("keys.archive"), run: archive },
      { key: "x", label: t("keys.choose"), run: () => { if (row) choosing.choose(at, false); } },
      { key: "X", label: t("keys.chooseRange"), run: () => { if (row) choosing.choose(at, true); } },
    ] : []),
    ...(choosing.ids.size > 0 ? [{ key: "Escape", label: t("findings.chooseNone"), run: choosing.clear }] : []),
    { key: "/", label: t("keys.search"), run: () => focus("findings-search") },
    { key: "f", label: t("keys.filter"), run: () => focus("findings-filter") },
  ]);
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

function isNarrowed(view: FindingsView): boolean {
  return view.choices.length > 0 || view.text !== "" || view.filter !== "" || view.view !== "open" || view.to !== undefined;
}

function NothingHere({ view }: { view: FindingsView }) {
  const narrowed = isNarrowed(view) || view.span !== "7d";
  return <Empty title="findings.empty">{t(narrowed ? "findings.emptyFiltered" : "findings.emptyAtAll")}</Empty>;
}

interface ListProps { rows: Rows; view: FindingsView; at: number; choosing: Choosing; actions: RowActions; reload: () => void }

function List({ rows: { source, version }, view, at, choosing, actions, reload }: ListProps) {
  if (!source) return <Loading />;
  if (source.error !== undefined) return <Failure error={source.error} retry={reload} />;
  if (source.total === 0) return <NothingHere view={view} />;
  const most = mostRows();
  return (
    <>
      <FindingsTable source={source} version={version} at={at} chosen={choosing.ids} choosing={may("triage")} ids={view.columns}
        sort={view.sort} actions={actions} />
      {source.total > most && <p class="faint">{t("findings.mostRows", { count: number(most), total: number(source.total) })}</p>}
    </>
  );
}

interface HeadProps {
  total: number | undefined;
  fresh: number;
  paused: boolean;
  onShow: () => void;
  onPause: () => void;
  children: ComponentChildren;
}

function TitleRow({ total, fresh, paused, onShow, onPause, children }: HeadProps) {
  return (
    <div class="title-row">
      <h1>{t("findings.title")}</h1>
      <span class="faint" role="status">{total === undefined ? "" : t("findings.count", { count: total })}</span>
      <span class="space" />
      {paused && <span class="faint">{t("findings.paused")}</span>}
      {fresh > 0 && <Button kind="primary" class="fresh" onClick={onShow}>{t("findings.new", { count: fresh })}</Button>}
      <div class="tools">
        <Button kind="quiet" aria-pressed={paused} onClick={onPause}>{t(paused ? "findings.resume" : "findings.pause")}</Button>
        {children}
      </div>
    </div>
  );
}

/** Nobody reads, points at, or ticks a row. */
function isIdle(at: number, choosing: Choosing): boolean {
  return at < 0 && choosing.ids.size === 0 && window.scrollY < 8 && !place.value.query.has("open") &&
    document.querySelector(".rows:hover, .rows :focus, .groups:focus-within, dialog[open]") === null;
}

export default function Findings() {
  const view = readView();
  const key = JSON.stringify(queryOf(view));
  const rows = useRows(view);
  const counts = useCounts(view);
  const saved = useSaved();
  const [paused, setPaused] = useState(false);
  const [at, setAt] = useMark(rows.source);
  const [round, setRound] = useState(0);
  const [choosingColumns, setChoosingColumns] = useState(false);
  const choosing = useChoosing(rows, key);
  const reload = () => { rows.source?.reload(); counts.reload(); setRound((n) => n + 1); };
  const live = useLive({ view, source: rows.source, paused, idle: () => isIdle(at, choosing), reload });
  useRowKeys({ rows, view, choosing, reload, at, setAt });
  const actions = useStable<RowActions>({
    urlOf: (id) => urlWith({ open: id }),
    choose: choosing.choose,
    open: (index, id) => { setAt(index); go(urlWith({ open: id })); },
    pick: (choice) => pickNow(view.choices, choice),
  });
  const results = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const top = results.current?.getBoundingClientRect().top ?? 0;
    if (top < 0) window.scrollBy(0, top - BAR_PX);
  }, [rows.source]);
  const total = rows.source?.error === undefined ? rows.source?.total : undefined;
  const openId = place.value.query.get("open");
  return (
    <div class="findings">
      <TitleRow total={total} fresh={live.fresh} paused={paused} onPause={() => setPaused(!paused)}
        onShow={() => { live.forget(); setAt(-1); window.scrollTo(0, 0); reload(); }}>
        <SavedMenu view={view} saved={saved} />
        <Button kind="quiet" disabled={view.group !== "none"} onClick={() => setChoosingColumns(true)}>
          {t("findings.columns")}
        </Button>
        <ExportMenu view={view} total={total ?? 0} />
      </TitleRow>
      <FilterBar key={`${view.text} ${view.filter}`} view={view} />
      <HistogramChart histogram={counts.histogram} view={view} />
      <div class="columns">
        <FacetPanel facets={counts.facets} view={view} />
        <section ref={results} aria-label={t("findings.title")} aria-busy={rows.asking}
          class={rows.asking ? "asking results" : "results"}>
          {view.group === "none"
            ? <List rows={rows} view={view} at={at} choosing={choosing} actions={actions} reload={reload} />
            : <GroupsList view={view} round={round} />}
          {choosing.ids.size > 0 && (
            <BulkBar choice={choosing} view={view} total={total ?? 0} onAll={choosing.chooseAll} onNone={choosing.clear}
              onDone={() => { choosing.clear(); reload(); }} />
          )}
        </section>
      </div>
      {openId && <Drawer key={openId} id={openId} onChange={reload} />}
      {choosingColumns && <ColumnsDialog chosen={view.columns} onClose={() => setChoosingColumns(false)} />}
    </div>
  );
}
