// The list of findings, however long: only the rows within the window are in the document, each at its place.
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { ColumnId, Sort } from "../core/findings-view";
import { change } from "../core/findings-view";
import { t } from "../core/i18n";
import type { RowSource } from "../core/row-source";
import { visibleText } from "../core/visible";
import type { RowActions } from "./findings-cell";
import { columnName, columns, nextSort, type Row } from "./findings-columns";

const ROW_PX = 56;
const CARD_PX = 132;
const BEYOND = 5;
/** Browsers place nothing farther down than some ten million pixels. */
const TALLEST_PX = 15_000_000;
/** The bar that stays at the window's top. */
export const BAR_PX = 52;
const HEAD_PX = 38;

const narrow = window.matchMedia("(max-width: 860px)");

export function rowHeight(): number {
  return narrow.matches ? CARD_PX : ROW_PX;
}

export function mostRows(): number {
  return Math.floor(TALLEST_PX / rowHeight());
}

interface Window { first: number; last: number; height: number }

function windowOf(body: HTMLElement | null, rows: number): Window {
  const height = rowHeight();
  const top = body ? -body.getBoundingClientRect().top : 0;
  const first = Math.floor(top / height) - BEYOND;
  const last = Math.ceil((top + window.innerHeight) / height) + BEYOND;
  return { first: Math.max(0, Math.min(first, rows - 1)), last: Math.max(0, Math.min(last, rows - 1)), height };
}

/** The rows to be drawn; moves with the scrolling, at most once a frame. */
function useWindow(body: { current: HTMLElement | null }, rows: number): Window {
  const [shown, setShown] = useState<Window>({ first: 0, last: Math.min(30, rows - 1), height: rowHeight() });
  useLayoutEffect(() => {
    let frame = 0;
    const look = () => {
      frame = 0;
      const now = windowOf(body.current, rows);
      setShown((old) => old.first === now.first && old.last === now.last && old.height === now.height ? old : now);
    };
    const soon = () => { frame ||= requestAnimationFrame(look); };
    look();
    window.addEventListener("scroll", soon, { passive: true });
    window.addEventListener("resize", soon);
    narrow.addEventListener("change", soon);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", soon);
      window.removeEventListener("resize", soon);
      narrow.removeEventListener("change", soon);
    };
  }, [rows]);
  return shown;
}

interface RowProps {
  row: Row | undefined;
  index: number;
  height: number;
  current: boolean;
  chosen: boolean;
  choosing: boolean;
  ids: readonly ColumnId[];
  actions: RowActions;
}

function Chooser({ row, index, chosen, actions }: { row: Row; index: number; chosen: boolean; actions: RowActions }) {
  return (
    <td role="cell" class="choose">
      <label><input type="checkbox" checked={chosen} aria-label={t("findings.choose", { name: visibleText(row.title) })}
        onClick={(event) => actions.choose(index, event.shiftKey)} /></label>
    </td>
  );
}

function RowView({ row, index, height, current, chosen, choosing, ids, actions }: RowProps) {
  const [over, setOver] = useState(false);
  const style = { top: `${index * height}px` };
  if (!row) {
    return <tr role="row" class="blank" aria-rowindex={index + 2} style={style}><td role="cell">{t("app.loading")}</td></tr>;
  }
  const rest = { index, actions, active: over || current };
  const open = (event: JSX.TargetedMouseEvent<HTMLElement>) => {
    if (event.target instanceof Element && event.target.closest("a, button, label, input")) return;
    if (window.getSelection()?.isCollapsed === false) return;
    if (event.shiftKey && choosing) actions.choose(index, true);
    else actions.open(index, row.id);
  };
  return (
    <tr role="row" data-row={index} aria-rowindex={index + 2} style={style} onClick={open}
      {...(current ? { "aria-current": true as const } : {})} {...(chosen ? { "data-chosen": true } : {})}
      onPointerEnter={() => setOver(true)} onPointerLeave={() => setOver(false)}
      onFocusCapture={() => setOver(true)}
      onBlurCapture={(event) => {
        if (!(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget))) setOver(false);
      }}>
      {choosing && <Chooser row={row} index={index} chosen={chosen} actions={actions} />}
      {ids.map((id) => (
        <td key={id} role="cell" class={columns[id].right ? `col-${id} right` : `col-${id}`}>{columns[id].show(row, rest)}</td>
      ))}
    </tr>
  );
}

function Head({ ids, sort, choosing }: { ids: readonly ColumnId[]; sort: Sort; choosing: boolean }) {
  return (
    <thead role="rowgroup">
      <tr role="row" aria-rowindex={1}>
        {choosing && <th role="columnheader" scope="col"><span class="unseen-label">{t("findings.chooseHead")}</span></th>}
        {ids.map((id) => {
          const by = columns[id].sort;
          const down = by !== undefined && sort === `-${by}`;
          const up = by !== undefined && sort === by;
          return (
            <th key={id} role="columnheader" scope="col" {...(columns[id].right ? { class: "right" } : {})}
              {...(by ? { "aria-sort": down ? "descending" as const : up ? "ascending" as const : "none" as const } : {})}>
              {by === undefined ? columnName(id)
                : <button type="button" class="sort" onClick={() => change({ sort: nextSort(sort, by) })}>
                    {columnName(id)}<span aria-hidden="true">{down ? " ↓" : up ? " ↑" : ""}</span>
                  </button>}
            </th>
          );
        })}
      </tr>
    </thead>
  );
}

export interface TableProps {
  source: RowSource<Row>;
  /** Grows with every change of the source. */
  version: number;
  at: number;
  chosen: ReadonlySet<string>;
  choosing: boolean;
  ids: readonly ColumnId[];
  sort: Sort;
  actions: RowActions;
}

/** Brings a row into the window, below what stays at its top. */
export function showRow(index: number): void {
  const body = document.querySelector(".rows tbody");
  if (!body) return;
  const height = rowHeight();
  const top = body.getBoundingClientRect().top + index * height;
  const head = narrow.matches ? BAR_PX : BAR_PX + HEAD_PX;
  if (top < head) window.scrollBy(0, top - head);
  if (top + height > window.innerHeight) window.scrollBy(0, top + height - window.innerHeight);
}

function tracks(ids: readonly ColumnId[], choosing: boolean): string {
  return [...(choosing ? ["2.4rem"] : []), ...ids.map((id) => columns[id].width)].join(" ");
}

export function FindingsTable({ source, at, chosen, choosing, ids, sort, actions }: TableProps) {
  const body = useRef<HTMLTableSectionElement>(null);
  const rows = Math.min(source.total, mostRows());
  const { first, last, height } = useWindow(body, rows);
  useEffect(() => source.want(first, last), [source, first, last]);
  const shown = Array.from({ length: Math.max(0, Math.min(last, rows - 1) - first + 1) }, (_, i) => first + i);
  if (at >= 0 && at < rows && (at < first || at > last)) shown.push(at);
  return (
    <div class={ids.length > 7 ? "rows-region wide" : "rows-region"}>
      <table role="table" class="table rows" aria-label={t("findings.title")} aria-rowcount={rows + 1}
        style={{ "--tracks": tracks(ids, choosing), "--row": `${height}px` } as JSX.CSSProperties}>
        <Head ids={ids} sort={sort} choosing={choosing} />
        <tbody role="rowgroup" ref={body} style={{ height: `${rows * height}px` }}>
          {shown.map((index) => {
            const row = source.row(index);
            return <RowView key={index} index={index} row={row} height={height} current={index === at} ids={ids}
              chosen={row !== undefined && chosen.has(row.id)} choosing={choosing} actions={actions} />;
          })}
        </tbody>
      </table>
    </div>
  );
}
