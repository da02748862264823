// What the findings screen asks for: rows, facets, histogram; and how it follows what happens on the server.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { queryOf, type FindingsView } from "../core/findings-view";
import { listen, type FindingEvent } from "../core/live";
import { useResource, type Resource } from "../core/resource";
import { RowSource } from "../core/row-source";
import type { Facets, Histogram } from "../generated/schemas";
import type { Row } from "./findings-columns";

const FACETS = "rule,type,policy,container.image,ecs.cluster,ecs.task.family,host,assignee,user.name,tag,list,item";
const FACET_VALUES = 6;
const CALM_MS = 400;
const AGAIN_MS = 2000;
const FRESH_MOST = 500;

export interface Rows {
  source: RowSource<Row> | null;
  version: number;
  /** Another list is on its way; this one stays until it is there. */
  asking: boolean;
}

/** The old list stays until the new one has its first page. */
export function useRows(view: FindingsView): Rows {
  const query = queryOf(view);
  const key = JSON.stringify([query, view.sort]);
  const [shown, setShown] = useState<{ key: string; source: RowSource<Row> } | null>(null);
  const [version, setVersion] = useState(0);
  const current = useRef<RowSource<Row> | null>(null);
  useEffect(() => {
    const source = new RowSource<Row>(
      (at, signal) => api("GET /v1/findings", { query: { ...query, sort: view.sort, ...at }, signal }),
      () => {
        if (current.current !== source) {
          current.current?.close();
          current.current = source;
          setShown({ key, source });
        }
        setVersion((n) => n + 1);
      });
    source.want(0, 0);
    return () => { if (current.current !== source) source.close(); };
  }, [key]);
  useEffect(() => () => current.current?.close(), []);
  return { source: shown?.source ?? null, version, asking: shown?.key !== key };
}

export interface Counts {
  facets: Resource<Facets>;
  histogram: Resource<Histogram>;
  reload: () => void;
}

export function useCounts(view: FindingsView): Counts {
  const query = queryOf(view);
  const key = JSON.stringify(query);
  const facets = useResource<Facets>(key, (signal) => api("GET /v1/findings/facets",
    { query: { ...query, facets: FACETS, top: FACET_VALUES }, signal }));
  const histogram = useResource<Histogram>(key, (signal) => api("GET /v1/findings/histogram", { query, signal }));
  return { facets, histogram, reload: () => { facets.reload(); histogram.reload(); } };
}

function patched(row: Row, event: FindingEvent): Row {
  return {
    ...row,
    count: event.count ?? row.count,
    last_seen_ms: event.last_seen_ms ?? row.last_seen_ms,
    status: (event.status as Row["status"] | undefined) ?? row.status,
    assignee: event.assignee === undefined ? row.assignee : event.assignee,
  };
}

/** How many of what came lately belong into this list: asked of the server, which alone knows. */
async function countFresh(view: FindingsView, fresh: ReadonlySet<string>): Promise<number> {
  const { items } = await api("GET /v1/findings", { query: { ...queryOf(view), sort: "-last_seen", limit: 100 } });
  return items.filter((row) => fresh.has(row.id)).length;
}

export interface Live { fresh: number; forget: () => void }

interface LiveOptions {
  view: FindingsView;
  source: RowSource<Row> | null;
  paused: boolean;
  /** May rows move now? */
  idle: () => boolean;
  reload: () => void;
}

/** Grows what is shown and counts what is new. Rows move by themselves only where nobody reads or points. */
export function useLive(options: LiveOptions): Live {
  const [fresh, setFresh] = useState(0);
  const latest = useRef(options);
  latest.current = options;
  const ids = useRef(new Set<string>());
  const forget = () => {
    ids.current.clear();
    setFresh(0);
  };
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let last = 0;
    let many = 0;
    const look = async () => {
      timer = undefined;
      last = Date.now();
      const { view, idle, reload, paused } = latest.current;
      const counted = await countFresh(view, ids.current).catch(() => 0);
      if (counted + many === 0) return;
      if (!paused && idle()) {
        many = 0;
        forget();
        reload();
      } else {
        setFresh(counted + many);
      }
    };
    const soon = () => { timer ??= setTimeout(() => void look(), Math.max(CALM_MS, last + AGAIN_MS - Date.now())); };
    const stop = listen("finding", (event) => {
      const { source, paused } = latest.current;
      if (event.change === "many") {
        many += event.count ?? 0;
        soon();
      } else if (event.id !== undefined) {
        const known = source !== null && !paused && source.patch(event.id, (row) => patched(row, event));
        if (!known && event.change === "new" && ids.current.size < FRESH_MOST) {
          ids.current.add(event.id);
          soon();
        }
      }
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
  const { view } = options;
  const key = JSON.stringify([queryOf(view), view.sort]);
  useEffect(forget, [key]);
  useEffect(() => listen("lost", () => latest.current.reload()), []);
  return { fresh, forget };
}
