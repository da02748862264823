// Small parts of the notifications: marks of kinds and states, a throttle in words, an answer as it was given.
import { isKey, t, type Key } from "../core/i18n";
import { unitOf, type Channel, type Delivery, type Kind } from "../core/notify";
import { Time } from "../ui/parts";
import { Said } from "../ui/said";
import { State } from "./settings-parts";

const ICONS: Record<Kind, string> = {
  email: "M3 5h18v14H3zm2 3v9h14V8l-7 5zm1-1l6 4 6-4z",
  slack: "M9 3h2v5h4V3h2v5h4v2h-4v4h4v2h-4v5h-2v-5h-4v5H9v-5H4v-2h5v-4H4V8h5zm2 7v4h4v-4z",
  webhook: "M9 7L4 12l5 5 1.500-1.500L7 12l3.500-3.500zm6 0l-1.500 1.500L17 12l-3.500 3.500L15 17l5-5z",
  falcosidekick: "M3 6c5 0 8 2 9 5 1-3 4-5 9-5-1 5-3 8-7 9l-2 4-2-4C6 14 4 11 3 6z",
  sns: "M4 9h4l8-5v16l-8-5H4zm14 0a4 4 0 0 1 0 6z",
  eventbridge: "M12 3l4 4-4 4-4-4zM5 10l4 4-4 4-4-4zm14 0l4 4-4 4-4-4zM12 14l4 4-4 4-4-4z",
};

export function KindMark({ of }: { of: Kind }) {
  return <svg class="notify-icon" viewBox="0 0 24 24" aria-hidden="true"><path d={ICONS[of]} /></svg>;
}

/** Of a kind that this console does not know its own name. */
export function kindName(kind: string): string {
  const key = `notifications.kind.${kind}`;
  return isKey(key) ? t(key as Key & "notifications.kind.email") : kind;
}

export function ChannelState({ of }: { of: Channel }) {
  if (!of.enabled) return <State kind="over">{t("notifications.off")}</State>;
  if (of.error !== null) return <State kind="bad">{t("notifications.failing")}</State>;
  if (of.delivered_ms === null) return <State kind="over">{t("notifications.untried")}</State>;
  return <State kind="good">{t("notifications.works")}</State>;
}

const STATES = { delivered: "good", queued: "over", held: "over", dead: "bad" } as const;

export function DeliveryState({ of }: { of: Delivery }) {
  return <State kind={STATES[of.state]}>{t(`notifications.state.${of.state}`)}</State>;
}

export function throttleText(seconds: number): string {
  if (seconds === 0) return t("notifications.throttle.none");
  const { unit, count } = unitOf(seconds);
  return t(`notifications.throttle.${unit}`, { count });
}

/** What the channel said, by its own words. */
export function Answer({ of }: { of: Delivery }) {
  if (of.state === "held") {
    const by = of.told_by === null ? t("notifications.heldOnly") : t("notifications.heldBy", { id: String(of.told_by) });
    return <span class="faint">{by}</span>;
  }
  return (
    <>
      {of.result !== null ? <Said of={of.result} /> : of.status !== null && <span class="mono">{of.status}</span>}
      {of.result === null && of.status === null && <span class="faint">{t("notifications.noAnswer")}</span>}
      {of.state === "queued" && of.due_ms !== null && of.attempts > 0 && (
        <div class="faint">{t("notifications.again")} <Time ms={of.due_ms} /></div>
      )}
    </>
  );
}
