// The log of deliveries: what was sent, what waits, what was given up, with what the channels answered.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { findingUrl } from "../core/links";
import type { Channel, Delivery } from "../core/notify";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import { Select } from "../ui/field";
import { Button, Empty, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { Answer, DeliveryState, kindName } from "./notify-parts";
import { Asked, Pages, Table } from "./settings-parts";

const STATES = ["any", "queued", "delivered", "dead", "held"] as const;
type State = (typeof STATES)[number];
const AGAIN_MS = 3000;
const LIMIT = 50;

function change(changes: Record<string, string | undefined>): void {
  go(urlWith({ cursor: undefined, ...changes }), "replace");
}

function stateName(state: State): string {
  return t(state === "any" ? "notifications.anyState" : `notifications.state.${state}`);
}

function Filters({ channels, state, channel }: { channels: Channel[]; state: State; channel: string }) {
  return (
    <div class="filters" role="search">
      <Select label={t("settings.state")} value={state} choices={STATES.map((value) => ({ value, label: stateName(value) }))}
        onChoose={(value) => change({ state: value === "any" ? undefined : value })} />
      <Select label={t("notifications.channel")} value={channel} onChoose={(value) => change({ channel: value || undefined })}
        choices={[{ value: "", label: t("notifications.anyChannel") },
          ...channels.map(({ id, name }) => ({ value: String(id), label: visibleText(name) }))]} />
    </div>
  );
}

function What({ of }: { of: Delivery }) {
  if (of.cause === "test") return <>{t("notifications.cause.test")}</>;
  return (
    <>
      {of.finding === null ? <span class="faint">{t("notifications.findingGone")}</span>
        : <a href={findingUrl(of.finding)}>{of.title === null ? <Text of={of.finding} mono /> : <Said of={of.title} />}</a>}
      <div class="faint">{t(`notifications.cause.${of.cause}`)}
        {of.severity !== null && <> · {t("notifications.severityOf", { score: of.severity.toFixed(1) })}</>}
        {of.held > 0 && <> · {t("notifications.more", { count: number(of.held) })}</>}</div>
    </>
  );
}

function useRetry(onDone: () => void): [number | undefined, (of: Delivery) => void] {
  const [busy, setBusy] = useState<number>();
  const retry = (of: Delivery) => {
    setBusy(of.id);
    api("POST /v1/notifications/deliveries/{id}/retry", { path: { id: String(of.id) } })
      .then(() => { done(t("notifications.retried")); onDone(); }, failed).finally(() => setBusy(undefined));
  };
  return [busy, retry];
}

function Row({ of, busy, onRetry }: { of: Delivery; busy: boolean; onRetry: (of: Delivery) => void }) {
  return (
    <tr>
      <td class="nowrap"><Time ms={of.created_ms} /><div class="faint">#{of.id}</div></td>
      <td><DeliveryState of={of} /></td>
      <td><What of={of} /></td>
      <td>{of.channel_name === null ? <span class="faint">{t("notifications.channelGone")}</span> : <Text of={of.channel_name} />}
        <div class="faint">{of.kind !== null && kindName(of.kind)}
          {of.rule_name !== null && <> · <Text of={of.rule_name} /></>}</div></td>
      <td class="number">{number(of.attempts)}</td>
      <td class="notify-answer"><Answer of={of} /></td>
      <td class="right">{of.state === "dead" && of.channel_name !== null && may("triage") && (
        <Button kind="quiet" busy={busy} onClick={() => onRetry(of)} aria-label={t("notifications.retryOne", { id: of.id })}>
          {t("action.retry")}</Button>)}</td>
    </tr>
  );
}

const COLUMNS = ["notifications.when", "settings.state", "notifications.about", "notifications.channel", "notifications.attempts",
  "notifications.answer", "settings.action"] as const;

export function Log({ channels, onChange }: { channels: Channel[]; onChange: () => void }) {
  const { query } = place.value;
  const state = STATES.find((one) => one === query.get("state")) ?? "any";
  const channel = query.get("channel") ?? "";
  const finding = query.get("finding") ?? "";
  const cursor = query.get("cursor") ?? undefined;
  const log = useResource(`log ${state} ${channel} ${finding} ${cursor}`, (signal) => api("GET /v1/notifications/deliveries",
    { query: { state: state === "any" ? undefined : state, channel, finding, cursor, limit: LIMIT }, signal }));
  const [busy, retry] = useRetry(() => { log.reload(); onChange(); });
  const waits = log.data?.items.some((one) => one.state === "queued") ?? false;
  useEffect(() => {
    if (!waits || log.loading) return undefined;
    const timer = window.setTimeout(log.reload, AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [waits, log.loading]);
  const label = t("notifications.part.log");
  return (
    <>
      <Filters channels={channels} state={state} channel={channel} />
      {finding && <p class="notify-of">{t("notifications.ofFinding")} <Text of={finding} mono />{" "}
        <a href={urlWith({ finding: undefined, cursor: undefined })}>{t("notifications.ofAll")}</a></p>}
      <Asked of={log}>{(data) => data.items.length === 0
        ? <Empty title={state === "any" && !channel && !finding ? "notifications.noLog" : "notifications.noneSuch"}>
            {t(state === "dead" ? "notifications.noDead" : "notifications.noLogHelp")}</Empty>
        : (
          <>
            <Table label={label} columns={COLUMNS}>
              {data.items.map((one) => <Row key={one.id} of={one} busy={busy === one.id} onRetry={retry} />)}
            </Table>
            <Pages label={label} next={data.next} />
          </>
        )}</Asked>
    </>
  );
}
