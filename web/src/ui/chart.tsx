// Findings over time by severity: stacked bars that are links, and the same as a table.
//
// The chart is one stop of the Tab key; arrow keys go from bar to bar, Enter opens it.
import { useState } from "preact/hooks";
import { topOf } from "../core/overview";
import { number, t } from "../core/i18n";
import { go } from "../core/router";
import { exact } from "../core/time";
import type { Histogram } from "../generated/schemas";
import { BANDS, type Band } from "./parts";

const WIDTH = 1000;
const HEIGHT = 180;
const GAP = 6;
const DAY_MS = 86_400_000;

type Bucket = Histogram["buckets"][number];

function sum(bucket: Bucket): number {
  return BANDS.reduce((all, band) => all + bucket[band], 0);
}

interface Props {
  label: string;
  data: Histogram;
  hrefOf: (from: number, to: number) => string;
}

function Bar({ bucket, x, width, top }: { bucket: Bucket; x: number; width: number; top: number }) {
  let y = HEIGHT;
  return (
    <>
      {[...BANDS].reverse().map((band) => {
        const height = bucket[band] === 0 ? 0 : Math.max(2, bucket[band] / top * HEIGHT);
        y -= height;
        return height > 0 && (
          <rect key={band} class={`bar-${band}`} x={x} y={y} width={width} height={Math.max(1, height - 1)} />
        );
      })}
    </>
  );
}

/** Below a bar: nothing, the hour (of hours: every fourth) or the day (where it begins; of days: every fifth). */
function below(ms: number, width: number, i: number): string {
  const text = exact(ms);
  if (width >= DAY_MS) return i % 5 === 0 ? text.slice(5, 10) : "";
  if (width > DAY_MS / 24) return text.slice(11, 13) === "00" ? text.slice(5, 10) : "";
  return Number(text.slice(11, 13)) % 4 === 0 ? text.slice(11, 16) : "";
}

function span(from: number, width: number): string {
  const to = exact(from + width);
  return width >= DAY_MS ? exact(from).slice(0, 10)
    : `${exact(from).slice(0, 16)} – ${exact(from).slice(0, 10) === to.slice(0, 10) ? to.slice(11, 16) : to.slice(5, 16)}`;
}

function counts(bucket: Bucket): string {
  return BANDS.filter((band) => bucket[band] > 0).map((band) => `${t(`severity.${band}`)} ${number(bucket[band])}`).join(", ");
}

interface PlotProps extends Props { at: number | null; onAt: (at: number | null) => void }

function Plot({ data, hrefOf, label, at, onAt }: PlotProps) {
  const [stop, setStop] = useState(0);
  const n = data.buckets.length;
  const width = WIDTH / n;
  const top = topOf(Math.max(...data.buckets.map(sum)));
  const href = (i: number) => hrefOf(data.from_ms + i * data.width_ms, data.from_ms + (i + 1) * data.width_ms);
  const onKeyDown = (event: KeyboardEvent) => {
    const to = { ArrowRight: stop + 1, ArrowLeft: stop - 1, Home: 0, End: n - 1 }[event.key];
    if (to === undefined || to < 0 || to >= n) return;
    event.preventDefault();
    setStop(to);
    (event.currentTarget as SVGElement).querySelector<SVGAElement>(`[data-bar="${to}"]`)?.focus();
  };
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="group" aria-label={label} onKeyDown={onKeyDown}
      onPointerLeave={() => onAt(null)}>
      {[0, 0.25, 0.5, 0.75].map((part) => (
        <line key={part} class="chart-line" x1={0} x2={WIDTH} y1={part * HEIGHT} y2={part * HEIGHT} />
      ))}
      {data.buckets.map((bucket, i) => (
        <a key={i} href={href(i)} data-bar={i} tabIndex={i === stop ? 0 : -1} class={at === i ? "here" : ""}
          aria-label={`${span(data.from_ms + i * data.width_ms, data.width_ms)}: ${counts(bucket) || t("chart.none")}`}
          onPointerEnter={() => onAt(i)} onFocus={() => { setStop(i); onAt(i); }} onBlur={() => onAt(null)}
          onClick={(event) => { event.preventDefault(); go(href(i)); }}>
          <rect class="hit" x={i * width} y={0} width={width} height={HEIGHT} />
          <Bar bucket={bucket} x={i * width + GAP / 2} width={Math.max(2, width - GAP)} top={top} />
        </a>
      ))}
    </svg>
  );
}

function Legend({ sums }: { sums: Record<Band, number> }) {
  return (
    <ul class="legend">
      {BANDS.map((band) => (
        <li key={band}>
          <span class={`severity ${band}`}><span class="mark" aria-hidden="true" />{t(`severity.${band}`)}</span>
          {" "}<span class="number">{number(sums[band])}</span>
        </li>
      ))}
    </ul>
  );
}

function Table({ data, hrefOf, label }: Props) {
  const start = (i: number) => data.from_ms + i * data.width_ms;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("chart.tableOf", { name: label })}>
      <table class="table tight">
        <thead>
          <tr>
            <th scope="col">{t("chart.time")}</th>
            {BANDS.map((band) => <th key={band} scope="col" class="right">{t(`severity.${band}`)}</th>)}
          </tr>
        </thead>
        <tbody>
          {data.buckets.map((bucket, i) => sum(bucket) > 0 && (
            <tr key={i}>
              <th scope="row">
                <a href={hrefOf(start(i), start(i + 1))}>{span(start(i), data.width_ms)}</a>
              </th>
              {BANDS.map((band) => <td key={band} class="right number">{number(bucket[band])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Chart({ label, data, hrefOf }: Props) {
  const [at, setAt] = useState<number | null>(null);
  const bucket = at === null ? undefined : data.buckets[at];
  const sums = Object.fromEntries(BANDS.map((band) =>
    [band, data.buckets.reduce((all, one) => all + one[band], 0)])) as Record<Band, number>;
  const top = topOf(Math.max(0, ...data.buckets.map(sum)));
  return (
    <figure class="chart">
      <p class="chart-now" aria-hidden="true">
        {bucket && at !== null
          ? <><strong>{span(data.from_ms + at * data.width_ms, data.width_ms)}</strong> {counts(bucket) || t("chart.none")}</>
          : <span class="faint">{t("chart.help")}</span>}
      </p>
      <div class="chart-plot">
        <div class="chart-scale" aria-hidden="true">
          <span>{number(top)}</span><span>{number(top / 2)}</span><span>0</span>
        </div>
        <Plot data={data} hrefOf={hrefOf} label={label} at={at} onAt={setAt} />
        <div class="chart-times" aria-hidden="true">
          {data.buckets.map((_, i) => <span key={i}>{below(data.from_ms + i * data.width_ms, data.width_ms, i)}</span>)}
        </div>
      </div>
      <figcaption><Legend sums={sums} /></figcaption>
      <details class="chart-table">
        <summary>{t("chart.table")}</summary>
        <Table data={data} hrefOf={hrefOf} label={label} />
      </details>
    </figure>
  );
}
