// What else happened in the same container before and after: programs, writes, connections, names, alerts.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { quote } from "../core/filter";
import { number, t } from "../core/i18n";
import { KINDS, neighbours, offsetOf, placeFilter, type Kind, type Neighbour } from "../core/neighbours";
import { useResource } from "../core/resource";
import { exact } from "../core/time";
import type { Finding } from "../generated/schemas";
import { Select } from "../ui/field";
import { Button, Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";

const SPANS = { "10s": 10_000, "1m": 60_000, "10m": 600_000, "1h": 3_600_000 } as const;
type Span = keyof typeof SPANS;
const SPAN_NAMES: readonly Span[] = ["10s", "1m", "10m", "1h"];
const LIMIT = 500;
const LANE = 18;
const WIDTH = 1000;

function useAround(of: Finding, center: number, span: Span) {
  const from = center - SPANS[span];
  const to = center + SPANS[span];
  return useResource(`around ${of.id} ${from} ${to}`, async (signal) => {
    const query = { from, to, limit: LIMIT };
    const [activity, alerts] = await Promise.all([
      api("GET /v1/activity", { query: { ...query, filter: placeFilter(of) }, signal }),
      api("GET /v1/alerts", { query: { ...query, filter: `agent = ${quote(of.agent)}` }, signal }),
    ]);
    return { all: neighbours(activity.items, alerts.items, of), cut: activity.next !== null || alerts.next !== null };
  });
}

/** The same as the list, for eyes: a lane each kind, the finding in the middle. */
function Lanes({ of, center, span }: { of: Neighbour[]; center: number; span: Span }) {
  const x = (ms: number) => WIDTH / 2 + ((ms - center) / SPANS[span]) * (WIDTH / 2 - 8);
  return (
    <div class="finding-lanes" aria-hidden="true">
      <ul>{KINDS.map((kind) => <li key={kind}>{t(`finding.kind.${kind}`)}</li>)}</ul>
      <svg viewBox={`0 0 ${WIDTH} ${KINDS.length * LANE}`} preserveAspectRatio="none">
        {KINDS.map((kind, i) => (
          <line key={kind} class="lane" x1={0} x2={WIDTH} y1={(i + 0.5) * LANE} y2={(i + 0.5) * LANE} />
        ))}
        <line class="center" x1={WIDTH / 2} x2={WIDTH / 2} y1={0} y2={KINDS.length * LANE} />
        {of.map((one, i) => (
          <rect key={i} class={`finding-tick ${one.kind}${one.own ? " own" : ""}`} x={x(one.ms) - 3} width={6} rx={1}
            y={KINDS.indexOf(one.kind) * LANE + 3} height={LANE - 6} />
        ))}
      </svg>
    </div>
  );
}

function Entry({ of, center }: { of: Neighbour; center: number }) {
  const { sign, amount, unit } = offsetOf(of.ms, center);
  return (
    <li class={`${of.kind}${of.own ? " own" : ""}`}>
      <time dateTime={new Date(of.ms).toISOString()} title={exact(of.ms)}>
        {of.ms === center ? t("finding.now") : `${sign}${number(amount)} ${t(`finding.unit.${unit}`)}`}
      </time>
      <span class={`kind ${of.kind}`}>{t(`finding.kind.${of.kind}`)}</span>
      <div>
        {of.rule && (
          <div><strong><Text of={of.rule} /></strong>{of.own && <> <span class="tag">{t("finding.own")}</span></>}</div>
        )}
        <Text of={of.what} mono={of.kind !== "alert"} />
        {(of.proc || of.parent) && (
          <div class="faint">
            {of.kind === "exec" && of.parent ? <>{t("finding.startedBy")} <Text of={of.parent} /></> : <Text of={of.proc} />}
            {of.pid !== null && ` · ${t("finding.pid", { pid: String(of.pid) })}`}
          </div>
        )}
      </div>
    </li>
  );
}

function Entries({ of, all, center, span }: { of: Finding; all: Neighbour[]; center: number; span: Span }) {
  const [hidden, setHidden] = useState<ReadonlySet<Kind>>(new Set());
  const shown = all.filter((one) => !hidden.has(one.kind));
  const toggle = (kind: Kind) => setHidden((old) => {
    const now = new Set(old);
    if (!now.delete(kind)) now.add(kind);
    return now;
  });
  if (all.length === 0) return <p class="faint">{t(of.container_id ? "finding.around.none" : "finding.around.noneHost")}</p>;
  return (
    <>
      <Lanes of={shown} center={center} span={span} />
      <div class="pills" role="group" aria-label={t("finding.kinds")}>
        {KINDS.map((kind) => (
          <Button key={kind} kind="quiet" aria-pressed={!hidden.has(kind)} onClick={() => toggle(kind)}>
            {t(`finding.kind.${kind}`)} <span class="number faint">{number(all.filter((one) => one.kind === kind).length)}</span>
          </Button>
        ))}
      </div>
      <ol class="finding-around">{shown.map((one, i) => <Entry key={i} of={one} center={center} />)}</ol>
    </>
  );
}

export function Timeline({ of }: { of: Finding }) {
  const [span, setSpan] = useState<Span>("1m");
  const [which, setWhich] = useState<"last" | "first">("last");
  const center = which === "last" ? of.last_seen_ms : of.first_seen_ms;
  const around = useAround(of, center, span);
  return (
    <div class="finding-timeline" aria-busy={around.loading}>
      <div class="title-row">
        <Select<"last" | "first"> label={t("finding.around.center")} value={which} onChoose={setWhich}
          choices={[{ value: "last", label: t("finding.raw.last") }, { value: "first", label: t("finding.raw.first") }]} />
        <Select<Span> label={t("finding.around.span")} value={span} onChoose={setSpan}
          choices={SPAN_NAMES.map((value) => ({ value, label: t(`finding.span.${value}`) }))} />
        <span class="faint">{exact(center)}</span>
      </div>
      {around.error !== undefined && !around.data ? <Failure error={around.error} retry={around.reload} />
        : !around.data ? <Loading />
          : <>
              {around.data.cut && <p class="note">{t("finding.around.cut")}</p>}
              <Entries of={of} all={around.data.all} center={center} span={span} />
            </>}
    </div>
  );
}
