// Notifications: where messages go, which findings go there, and what became of each message.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import type { NotificationChannels, NotificationRules } from "../generated/schemas";
import { Button, Empty } from "../ui/parts";
import { NewChannel } from "./notify-channel-form";
import { Channels } from "./notify-channels";
import { Log } from "./notify-log";
import { NewRule } from "./notify-rule-form";
import { Rules } from "./notify-rules";
import { Settings } from "./settings";
import { Asked, chosenOf, Pills } from "./settings-parts";
import "../styles/notify.css";

const PARTS = ["channels", "rules", "log"] as const;
type Part = (typeof PARTS)[number];
type Making = "channel" | "rule" | undefined;

/** Before there is any channel: what it is about, and the one thing to do. */
function First({ onMake }: { onMake: () => void }) {
  return (
    <>
      <Empty title="notifications.none" action={may("admin") && (
        <Button kind="primary" onClick={onMake}>{t("notifications.newChannel")}</Button>)}>
        {t(may("admin") ? "notifications.noneHelp" : "notifications.noneYours")}
      </Empty>
      <ol class="notify-steps">
        {(["channel", "test", "rule"] as const).map((step) => (
          <li key={step}><strong>{t(`notifications.step.${step}`)}</strong>
            <span class="faint">{t(`notifications.step.${step}Help`)}</span></li>
        ))}
      </ol>
    </>
  );
}

interface BodyProps {
  channels: NotificationChannels;
  rules: NotificationRules;
  part: Part;
  onMake: (what: Making) => void;
  onChange: () => void;
}

function Body({ channels, rules, part, onMake, onChange }: BodyProps) {
  if (part === "log") return <Log channels={channels.items} onChange={onChange} />;
  if (channels.items.length === 0) return <First onMake={() => onMake("channel")} />;
  if (part === "rules") {
    return <Rules rules={rules.items} channels={channels.items} onMake={() => onMake("rule")} onChange={onChange} />;
  }
  return (
    <>
      {rules.items.length === 0 && (
        <div class="note notify-next">
          <p><strong>{t("notifications.noRule")}</strong> {t("notifications.noRuleHelp")}</p>
          {may("triage") && <Button kind="primary" onClick={() => onMake("rule")}>{t("notifications.newRule")}</Button>}
        </div>
      )}
      <Channels channels={channels.items} rules={rules.items} onChange={onChange} />
    </>
  );
}

export default function Notifications() {
  const part = chosenOf<Part>(PARTS as unknown as readonly [Part, ...Part[]], "part");
  const [making, setMaking] = useState<Making>();
  const channels = useResource("channels", (signal) => api("GET /v1/notifications/channels", { signal }));
  const rules = useResource("rules", (signal) => api("GET /v1/notifications/rules", { signal }));
  const reload = () => { channels.reload(); rules.reload(); };
  const close = () => setMaking(undefined);
  const some = (channels.data?.items.length ?? 0) > 0;
  return (
    <Settings at="notifications" action={<>
      {part === "channels" && some && may("admin") && (
        <Button kind="primary" onClick={() => setMaking("channel")}>{t("notifications.newChannel")}</Button>)}
      {part === "rules" && some && may("triage") && (
        <Button kind="primary" onClick={() => setMaking("rule")}>{t("notifications.newRule")}</Button>)}
    </>}>
      <Pills label={t("settings.notifications")} name="part" all={PARTS} chosen={part}
        text={(value) => t(`notifications.part.${value}`)} />
      <Asked of={channels}>{(all) => (
        <Asked of={rules}>{(those) => (
          <Body channels={all} rules={those} part={part} onMake={setMaking} onChange={reload} />
        )}</Asked>
      )}</Asked>
      {making === "channel" && <NewChannel onClose={close} onChange={reload} />}
      {making === "rule" && channels.data && <NewRule channels={channels.data.items} onClose={close} onChange={reload} />}
    </Settings>
  );
}
