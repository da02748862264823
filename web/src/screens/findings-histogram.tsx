// Findings over time. Dragging over the bars chooses a time; so do the arrow keys (with Shift for more than one bar) and
// Enter.
import { useId, useRef, useState } from "preact/hooks";
import { change, type FindingsView } from "../core/findings-view";
import { number, t } from "../core/i18n";
import type { Resource } from "../core/resource";
import { exact } from "../core/time";
import type { Histogram } from "../generated/schemas";
import { BANDS, Button } from "../ui/parts";

const WIDTH = 1000;
const HEIGHT = 72;
const TICKS = 5;
/** Longer times are told in days. */
const DAYS_MS = 2 * 86_400_000;
/** Shorter ones to the second. */
const MINUTES_MS = 600_000;

type Bucket = Histogram["buckets"][number];
type Range = readonly [number, number];

function sum(bucket: Bucket): number {
  return BANDS.reduce((all, band) => all + bucket[band], 0);
}

function Bar({ bucket, x, width, most }: { bucket: Bucket; x: number; width: number; most: number }) {
  let y = HEIGHT;
  return (
    <>
      {[...BANDS].reverse().map((band) => {
        const height = bucket[band] === 0 ? 0 : Math.max(1.5, bucket[band] / most * (HEIGHT - 4));
        y -= height;
        return height > 0 && <rect key={band} class={`bar-${band}`} x={x} y={y} width={Math.max(1, width - 2)} height={height} />;
      })}
    </>
  );
}

function ordered([a, b]: Range): Range {
  return a < b ? [a, b] : [b, a];
}

function within(data: Histogram, [first, last]: Range): string {
  const counts = { critical: 0, high: 0, count: 0 };
  for (const bucket of data.buckets.slice(first, last + 1)) {
    counts.critical += bucket.critical;
    counts.high += bucket.high;
    counts.count += sum(bucket);
  }
  return t("findings.bar", {
    from: exact(data.from_ms + first * data.width_ms), to: exact(data.from_ms + (last + 1) * data.width_ms), ...counts,
  });
}

function Ticks({ data }: { data: Histogram }) {
  const span = data.buckets.length * data.width_ms;
  return (
    <div class="ticks" aria-hidden="true">
      {Array.from({ length: TICKS }, (_, i) => {
        const text = exact(data.from_ms + span * i / (TICKS - 1));
        const edge = i === 0 || i === TICKS - 1;
        const end = span < MINUTES_MS ? 19 : 16;
        return <span key={i}>{span > DAYS_MS ? text.slice(5, 10) : text.slice(edge ? 5 : 11, end)}</span>;
      })}
    </div>
  );
}

/** The bars that are about to be chosen: by dragging, or with the keys. */
function useBrush(n: number, choose: (range: Range) => void) {
  const [brush, setBrush] = useState<Range | null>(null);
  const [hover, setHover] = useState(-1);
  const dragging = useRef(false);
  const indexAt = (event: PointerEvent) => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    return Math.max(0, Math.min(n - 1, Math.floor((event.clientX - box.left) / box.width * n)));
  };
  const pointer = {
    onPointerDown: (event: PointerEvent) => {
      if (event.button !== 0) return;
      (event.currentTarget as SVGElement).setPointerCapture(event.pointerId);
      dragging.current = true;
      const i = indexAt(event);
      setBrush([i, i]);
    },
    onPointerMove: (event: PointerEvent) => {
      const i = indexAt(event);
      setHover(i);
      if (dragging.current && brush) setBrush([brush[0], i]);
    },
    onPointerUp: () => {
      if (dragging.current && brush) choose(ordered(brush));
      dragging.current = false;
      setBrush(null);
    },
    onPointerCancel: () => { dragging.current = false; setBrush(null); },
    onPointerLeave: () => setHover(-1),
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const [anchor, at] = brush ?? [n, n];
    const to = { ArrowLeft: at - 1, ArrowRight: brush ? at + 1 : 0, Home: 0, End: n - 1 }[event.key];
    if (to !== undefined) {
      const next = Math.max(0, Math.min(n - 1, to));
      setBrush([event.shiftKey && brush ? anchor : next, next]);
    } else if (event.key === "Escape" && brush) {
      setBrush(null);
    } else if ((event.key === "Enter" || event.key === " ") && brush) {
      choose(ordered(brush));
      setBrush(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  return { brush: brush && ordered(brush), at: brush?.[1] ?? -1, hover, pointer, onKeyDown, onBlur: () => setBrush(null) };
}

export function HistogramChart({ histogram, view }: { histogram: Resource<Histogram>; view: FindingsView }) {
  const id = useId();
  const data = histogram.data;
  const n = data?.buckets.length ?? 0;
  const start = (i: number) => data ? data.from_ms + i * data.width_ms : 0;
  const { brush, at, hover, pointer, onKeyDown, onBlur } = useBrush(n, ([first, last]) => change({
    from: String(start(first)), to: String(start(last + 1)),
  }));
  if (!data || n === 0) return <div class="histogram" aria-hidden="true" />;
  const width = WIDTH / n;
  const most = Math.max(1, ...data.buckets.map(sum));
  const told: Range | null = brush ?? (hover >= 0 && hover < n ? [hover, hover] : null);
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="listbox" aria-multiselectable="true" tabindex={0}
        aria-label={`${t("findings.histogram")}. ${t("findings.histogramKeys")}`} onKeyDown={onKeyDown} onBlur={onBlur}
        {...(at >= 0 ? { "aria-activedescendant": `${id}-${at}` } : {})} {...pointer}>
        {data.buckets.map((bucket, i) => (
          <g key={i} id={`${id}-${i}`} role="option" aria-label={within(data, [i, i])}
            aria-selected={brush !== null && i >= brush[0] && i <= brush[1]}>
            <rect class="hit" x={i * width} y={0} width={width} height={HEIGHT} />
            <Bar bucket={bucket} x={i * width + 1} width={width} most={most} />
          </g>
        ))}
        {brush && <rect class="brush" x={brush[0] * width} y={0} height={HEIGHT} width={(brush[1] - brush[0] + 1) * width} />}
      </svg>
      <Ticks data={data} />
      <figcaption>
        <span aria-live="polite">{told ? within(data, told) : t("findings.histogramHelp")}</span>
        <span class="faint">{t("findings.most", { count: number(most) })}</span>
        {view.to !== undefined && (
          <Button kind="quiet" onClick={() => change({ from: undefined, to: undefined })}>{t("findings.zoomOut")}</Button>
        )}
      </figcaption>
    </figure>
  );
}
