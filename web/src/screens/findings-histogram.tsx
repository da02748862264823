// Findings over time. Dragging over the bars, or Enter on one, chooses that time.
import { useState } from "preact/hooks";
import { change, type FindingsView } from "../core/findings-view";
import { t } from "../core/i18n";
import type { Resource } from "../core/resource";
import { exact } from "../core/time";
import type { Histogram } from "../generated/schemas";
import { BANDS } from "../ui/parts";

const WIDTH = 1000;
const HEIGHT = 72;

type Bucket = Histogram["buckets"][number];

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

export function HistogramChart({ histogram, view }: { histogram: Resource<Histogram>; view: FindingsView }) {
  const [drag, setDrag] = useState<[number, number] | null>(null);
  const data = histogram.data;
  const n = data?.buckets.length ?? 0;
  if (!data || n === 0) return <div class="histogram" aria-hidden="true" />;
  const width = WIDTH / n;
  const most = Math.max(1, ...data.buckets.map(sum));
  const start = (i: number) => data.from_ms + i * data.width_ms;
  const choose = (a: number, b: number) => change({
    from: String(start(Math.min(a, b))), to: String(start(Math.max(a, b) + 1)),
  });
  const indexAt = (event: PointerEvent) => {
    const box = (event.currentTarget as SVGElement).getBoundingClientRect();
    return Math.max(0, Math.min(n - 1, Math.floor((event.clientX - box.left) / box.width * n)));
  };
  return (
    <figure class="histogram">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="group" aria-label={t("findings.histogram")}
        onPointerDown={(event) => { const i = indexAt(event); setDrag([i, i]); }}
        onPointerMove={(event) => { if (drag) setDrag([drag[0], indexAt(event)]); }}
        onPointerLeave={() => setDrag(null)}
        onPointerUp={() => { if (drag) choose(drag[0], drag[1]); setDrag(null); }}>
        <title>{t("findings.histogramHelp")}</title>
        {drag && <rect class="brush" x={Math.min(...drag) * width} y={0} height={HEIGHT}
          width={(Math.abs(drag[1] - drag[0]) + 1) * width} />}
        {data.buckets.map((bucket, i) => sum(bucket) > 0 && (
          <g key={i} role="button" tabIndex={0}
            aria-label={t("findings.bar", { from: exact(start(i)), to: exact(start(i + 1)), count: sum(bucket),
              critical: bucket.critical, high: bucket.high })}
            onKeyDown={(event) => {
              if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(i, i); }
            }}>
            <rect class="hit" x={i * width} y={0} width={width} height={HEIGHT} />
            <Bar bucket={bucket} x={i * width + 1} width={width} most={most} />
          </g>
        ))}
      </svg>
      <figcaption><span>{exact(data.from_ms)}</span><span>{exact(view.to ? Number(view.to) : start(n))}</span></figcaption>
    </figure>
  );
}
