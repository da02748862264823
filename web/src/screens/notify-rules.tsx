// The rules of notifications: which findings go to which channels, and how often at most.
import { api } from "../core/api";
import { t } from "../core/i18n";
import { wantedOf, type Channel } from "../core/notify";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { NotificationRule } from "../generated/schemas";
import { Button, Empty, Time } from "../ui/parts";
import { Switch } from "../ui/switch";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { throttleText } from "./notify-parts";
import { RuleDrawer } from "./notify-rule-form";
import { State, Table } from "./settings-parts";

function switchRule(rule: NotificationRule, enabled: boolean, onChange: () => void): void {
  api("PATCH /v1/notifications/rules/{id}", { path: { id: String(rule.id) }, body: { enabled } })
    .then(() => {
      done(t(enabled ? "notifications.onDone" : "notifications.offDone", { name: rule.name }));
      onChange();
    }, failed);
}

/** Severities by their names, the rest as it was written. */
export function FilterWords({ of }: { of: string }) {
  const { bands, rest } = wantedOf(of);
  return (
    <div class="notify-filter">
      {bands.length === 0 && !rest && <span class="faint">{t("notifications.everything")}</span>}
      {bands.map((band) => <span key={band} class={`severity ${band}`}><span class="mark" aria-hidden="true" />
        {t(`severity.${band}`)}</span>)}
      {rest && <Text of={rest} mono />}
    </div>
  );
}

function Row({ of, channels, onChange }: { of: NotificationRule; channels: Channel[]; onChange: () => void }) {
  const mine = of.channels.map((id) => channels.find((channel) => channel.id === id));
  return (
    <tr>
      <td><a href={urlWith({ open: String(of.id) })}><Text of={of.name} /></a><FilterWords of={of.filter} /></td>
      <td><ul class="tags">{mine.map((channel) => channel && (
        <li key={channel.id} class={channel.enabled ? "tag" : "tag notify-off"}><Text of={channel.name} />
          {!channel.enabled && <> ({t("notifications.off")})</>}</li>))}</ul></td>
      <td class="nowrap">{of.language === null ? <span class="faint">{t("notifications.channelsOwn")}</span>
        : t(`notifications.language.${of.language}`)}</td>
      <td class="nowrap">{throttleText(of.throttle_s)}</td>
      <td>
        {of.error !== null ? <><State kind="bad">{t("notifications.broken")}</State>
          <div class="notify-error"><Text of={of.error} /></div></>
          : of.matched_ms === null ? <span class="faint">{t("settings.never")}</span> : <Time ms={of.matched_ms} />}
      </td>
      <td class="notify-acts">{may("triage")
        ? <Switch on={of.enabled} label={t("notifications.switch", { name: visibleText(of.name) })}
            onChange={(on) => switchRule(of, on, onChange)} />
        : <State kind={of.enabled ? "good" : "over"}>{t(of.enabled ? "notifications.on" : "notifications.off")}</State>}</td>
    </tr>
  );
}

const COLUMNS = ["notifications.rule", "notifications.to", "notifications.language", "notifications.atMost",
  "notifications.matched", "settings.action"] as const;

interface Props { rules: NotificationRule[]; channels: Channel[]; onMake: () => void; onChange: () => void }

export function Rules({ rules, channels, onMake, onChange }: Props) {
  const open = place.value.query.get("open");
  const one = rules.find(({ id }) => String(id) === open);
  if (rules.length === 0) {
    return (
      <Empty title="notifications.noRule" action={may("triage") && (
        <Button kind="primary" onClick={onMake}>{t("notifications.newRule")}</Button>)}>{t("notifications.noRuleHelp")}</Empty>
    );
  }
  return (
    <>
      <Table label={t("notifications.part.rules")} columns={COLUMNS}>
        {rules.map((rule) => <Row key={rule.id} of={rule} channels={channels} onChange={onChange} />)}
      </Table>
      {one && <RuleDrawer key={one.id} of={one} channels={channels} onClose={() => go(urlWith({ open: undefined }))}
        onChange={onChange} />}
    </>
  );
}
