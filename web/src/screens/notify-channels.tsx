// The channels: whether each works, what waits for it, and at the side all of one of them.
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import type { Channel } from "../core/notify";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { NotificationRule } from "../generated/schemas";
import { Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Switch } from "../ui/switch";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { ChannelDrawer } from "./notify-channel";
import { ChannelState, KindMark, kindName } from "./notify-parts";
import { TestButton, TestResult, useTest } from "./notify-test";
import { Table } from "./settings-parts";

export function logUrl(changes: Record<string, string | undefined>): string {
  return urlWith({ part: "log", open: undefined, cursor: undefined, state: undefined, channel: undefined, finding: undefined,
    ...changes }, "/settings/notifications");
}

export function switchChannel(channel: Channel, enabled: boolean, onChange: () => void): void {
  api("PATCH /v1/notifications/channels/{id}", { path: { id: String(channel.id) }, body: { enabled } })
    .then(() => {
      done(t(enabled ? "notifications.onDone" : "notifications.offDone", { name: channel.name }));
      onChange();
    }, failed);
}

function Waiting({ of }: { of: Channel }) {
  if (of.queued === 0 && of.dead === 0) return <span class="faint">{t("notifications.nothing")}</span>;
  return (
    <ul class="notify-counts">
      {of.queued > 0 && <li><a href={logUrl({ channel: String(of.id), state: "queued" })}>
        {t("notifications.queued", { count: number(of.queued) })}</a></li>}
      {of.dead > 0 && <li><a href={logUrl({ channel: String(of.id), state: "dead" })}>
        {t("notifications.dead", { count: number(of.dead) })}</a></li>}
    </ul>
  );
}

function Row({ of, onChange }: { of: Channel; onChange: () => void }) {
  const tested = useTest(onChange);
  return (
    <tr>
      <td>
        <span class="notify-name"><KindMark of={of.kind} />
          <span><a href={urlWith({ open: String(of.id) })}><Text of={of.name} /></a>
            <span class="faint">{kindName(of.kind)}{of.target && <> · <Text of={of.target} /></>}</span></span></span>
      </td>
      <td>
        <ChannelState of={of} />
        {of.enabled && of.error !== null && <div class="notify-error"><Said of={of.error} /></div>}
        <TestResult of={tested} />
      </td>
      <td class="nowrap">{t(`notifications.language.${of.language}`)}</td>
      <td><Waiting of={of} /></td>
      <td class="nowrap">
        {of.delivered_ms === null ? <span class="faint">{t("settings.never")}</span> : <Time ms={of.delivered_ms} />}
      </td>
      <td class="notify-acts">
        {may("admin") && <TestButton channel={of} tested={tested} quiet />}
        {may("admin") && <Switch on={of.enabled} label={t("notifications.switch", { name: visibleText(of.name) })}
          onChange={(on) => switchChannel(of, on, onChange)} />}
      </td>
    </tr>
  );
}

const COLUMNS = ["notifications.channel", "settings.state", "notifications.language", "notifications.waiting",
  "notifications.last", "settings.action"] as const;

interface Props { channels: Channel[]; rules: NotificationRule[]; onChange: () => void }

export function Channels({ channels, rules, onChange }: Props) {
  const open = place.value.query.get("open");
  const one = channels.find(({ id }) => String(id) === open);
  return (
    <>
      <Table label={t("notifications.part.channels")} columns={COLUMNS}>
        {channels.map((channel) => <Row key={channel.id} of={channel} onChange={onChange} />)}
      </Table>
      {one && <ChannelDrawer key={one.id} of={one} rules={rules.filter((rule) => rule.channels.includes(one.id))}
        onClose={() => go(urlWith({ open: undefined }))} onChange={onChange} />}
    </>
  );
}
