// Numbers over time in stacked bars that are links, and the same as a table.
//
// The chart is one stop of the Tab key; arrow keys go from bar to bar, Enter opens it.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { number, t } from "../core/i18n";
import { topOf } from "../core/overview";
import { go } from "../core/router";
import { exact, zone } from "../core/time";

const WIDTH = 1000;
const HEIGHT = 180;
const GAP_SHARE = 0.18;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const STEPS_MS = [5, 15, 60, 240, 1440, 5 * 1440].map((minutes) => minutes * MINUTE_MS);

export interface Series { key: string; label: string; mark: ComponentChildren }

interface Props {
  label: string;
  help: string;
  from: number;
  width: number;
  buckets: ReadonlyArray<Record<string, number>>;
  /** From the top of the bars to their foot; rects have the class bar-KEY. */
  series: readonly Series[];
  hrefOf: (from: number, to: number) => string;
  low?: boolean;
}

interface Bars extends Props { sums: number[]; top: number }

function Bar({ bucket, x, width, bars }: { bucket: Record<string, number>; x: number; width: number; bars: Bars }) {
  let y = HEIGHT;
  return (
    <>
      {[...bars.series].reverse().map(({ key }) => {
        const value = bucket[key] ?? 0;
        const height = value === 0 ? 0 : Math.max(2, value / bars.top * HEIGHT);
        y -= height;
        return height > 0 && (
          <rect key={key} class={`bar-${key}`} x={x} y={y} width={width} height={Math.max(1, height - 1)} />
        );
      })}
    </>
  );
}

/** Below the bars in which an hour, or a day, or some of them begin: when. */
function below(ms: number, { width, buckets }: Bars): string {
  const step = STEPS_MS.find((one) => one >= Math.max(width, width * buckets.length / 8)) ?? DAY_MS * 5;
  const offset = zone.value === "utc" ? 0 : -new Date(ms).getTimezoneOffset() * MINUTE_MS;
  const at = (one: number) => Math.floor((one + offset) / step);
  if (at(ms) === at(ms - width)) return "";
  return step >= DAY_MS ? exact(ms).slice(5, 10) : exact(ms).slice(11, 16);
}

function span(from: number, width: number): string {
  const digits = width < MINUTE_MS ? 19 : 16;
  const begin = exact(from).slice(0, digits);
  const end = exact(from + width).slice(0, digits);
  if (width >= DAY_MS) return begin.slice(0, 10);
  return `${begin} – ${begin.slice(0, 10) === end.slice(0, 10) ? end.slice(11) : end.slice(5)}`;
}

function counts(bucket: Record<string, number>, series: readonly Series[]): string {
  return series.filter(({ key }) => (bucket[key] ?? 0) > 0)
    .map(({ key, label }) => `${label} ${number(bucket[key] ?? 0)}`).join(", ");
}

function start(bars: Bars, i: number): number {
  return bars.from + i * bars.width;
}

function Plot({ bars, at, onAt }: { bars: Bars; at: number | null; onAt: (at: number | null) => void }) {
  const [stop, setStop] = useState(0);
  const n = bars.buckets.length;
  const width = WIDTH / n;
  const gap = width * GAP_SHARE;
  const href = (i: number) => bars.hrefOf(start(bars, i), start(bars, i + 1));
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowRight: stop + 1, ArrowLeft: stop - 1, Home: 0, End: n - 1 }[event.key];
    if (to === undefined || to < 0 || to >= n) return;
    event.preventDefault();
    setStop(to);
    (event.currentTarget as SVGElement).querySelector<SVGAElement>(`[data-bar="${to}"]`)?.focus();
  };
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="group" aria-label={bars.label}
      onKeyDown={onKeyDown} onPointerLeave={() => onAt(null)}>
      {[0, 0.25, 0.5, 0.75].map((part) => (
        <line key={part} class="chart-line" x1={0} x2={WIDTH} y1={part * HEIGHT} y2={part * HEIGHT} />
      ))}
      {bars.buckets.map((bucket, i) => (
        <a key={i} href={href(i)} data-bar={i} tabindex={i === Math.min(stop, n - 1) ? 0 : -1} class={at === i ? "here" : ""}
          aria-label={`${span(start(bars, i), bars.width)}: ${counts(bucket, bars.series) || t("chart.none")}`}
          onPointerEnter={() => onAt(i)} onFocus={() => { setStop(i); onAt(i); }} onBlur={() => onAt(null)}
          onClick={(event) => { event.preventDefault(); go(href(i)); }}>
          <rect class="hit" x={i * width} y={0} width={width} height={HEIGHT} />
          <Bar bucket={bucket} x={i * width + gap / 2} width={Math.max(1.500, width - gap)} bars={bars} />
        </a>
      ))}
    </svg>
  );
}

function Legend({ bars }: { bars: Bars }) {
  return (
    <ul class="legend">
      {bars.series.map(({ key, mark }) => (
        <li key={key}>
          {mark} <span class="number">{number(bars.buckets.reduce((all, one) => all + (one[key] ?? 0), 0))}</span>
        </li>
      ))}
    </ul>
  );
}

function Table({ bars }: { bars: Bars }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("chart.tableOf", { name: bars.label })}>
      <table class="table tight">
        <thead>
          <tr>
            <th scope="col">{t("chart.time")}</th>
            {bars.series.map(({ key, label }) => <th key={key} scope="col" class="right">{label}</th>)}
          </tr>
        </thead>
        <tbody>
          {bars.buckets.map((bucket, i) => (bars.sums[i] ?? 0) > 0 && (
            <tr key={i}>
              <th scope="row">
                <a href={bars.hrefOf(start(bars, i), start(bars, i + 1))}>{span(start(bars, i), bars.width)}</a>
              </th>
              {bars.series.map(({ key }) => <td key={key} class="right number">{number(bucket[key] ?? 0)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Chart(props: Props) {
  const [at, setAt] = useState<number | null>(null);
  const sums = props.buckets.map((bucket) => props.series.reduce((all, { key }) => all + (bucket[key] ?? 0), 0));
  const bars: Bars = { ...props, sums, top: topOf(Math.max(0, ...sums)) };
  const bucket = at === null ? undefined : props.buckets[at];
  return (
    <figure class={props.low ? "chart low" : "chart"}>
      <p class="chart-now" aria-hidden="true">
        {bucket && at !== null
          ? <><strong>{span(start(bars, at), bars.width)}</strong> {counts(bucket, props.series) || t("chart.none")}</>
          : <span class="faint">{props.help}</span>}
      </p>
      <div class="chart-plot">
        <div class="chart-scale" aria-hidden="true">
          <span>{number(bars.top)}</span><span>{number(bars.top / 2)}</span><span>0</span>
        </div>
        <Plot bars={bars} at={at} onAt={setAt} />
        <div class="chart-times" aria-hidden="true">
          {props.buckets.map((_, i) => <span key={i}>{below(start(bars, i), bars)}</span>)}
        </div>
      </div>
      <figcaption><Legend bars={bars} /></figcaption>
      <details class="chart-table">
        <summary>{t("chart.table")}</summary>
        <Table bars={bars} />
      </details>
    </figure>
  );
}
