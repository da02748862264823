// The place of notifications: what there is today, and what there is not.
import { t } from "../core/i18n";
import { Empty } from "../ui/parts";
import { Settings } from "./settings";

export default function Notifications() {
  return (
    <Settings at="notifications">
      <Empty title="notifications.none">{t("notifications.noneHelp")}</Empty>
      <section class="panel today">
        <h2>{t("notifications.today")}</h2>
        <ul>
          <li>{t("notifications.live")}</li>
          <li>{t("notifications.stream")} <code class="mono">GET /v1/events</code></li>
          <li>{t("notifications.export")} <code class="mono">GET /v1/findings/export?format=falco</code></li>
          <li><a href="/settings/tokens">{t("notifications.token")}</a></li>
        </ul>
      </section>
    </Settings>
  );
}
