// A finding's alerts, one by one, and the newest or first of them as it came.
import { useState } from "preact/hooks";
import { outputOf, timeOf } from "../core/alert";
import { api } from "../core/api";
import { allFields, asText } from "../core/evidence";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import type { Finding } from "../generated/schemas";
import { Copy } from "../ui/copy";
import { Button, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { failed } from "../ui/toasts";

const PAGE = 50;
const LINES_MAX = 2000;

function Alert({ of: alert }: { of: unknown }) {
  const ms = timeOf(alert);
  const command = asText(allFields(alert)["proc.cmdline"]);
  return (
    <li>
      {ms !== null && <Time ms={ms} full />}
      <div><Text of={outputOf(alert)} /></div>
      {command && <div class="command-line"><Text of={command} mono /><Copy of={command} what={t("finding.command")} /></div>}
    </li>
  );
}

export function Alerts({ of }: { of: Finding }) {
  const ask = (cursor: string | undefined, signal?: AbortSignal) => api("GET /v1/findings/{id}/alerts",
    { path: { id: of.id }, query: { limit: PAGE, cursor }, ...(signal ? { signal } : {}) });
  const alerts = useResource(`alerts ${of.id} ${of.count}`, (signal) => ask(undefined, signal));
  const [busy, setBusy] = useState(false);
  if (alerts.error !== undefined && !alerts.data) return <Failure error={alerts.error} retry={alerts.reload} />;
  if (!alerts.data) return <Loading />;
  const { items, next } = alerts.data;
  const more = () => {
    setBusy(true);
    ask(next ?? undefined).then((page) => {
      alerts.change((old) => ({ items: [...old.items, ...page.items], next: page.next }));
    }, failed).finally(() => setBusy(false));
  };
  return (
    <>
      <ol class="alerts">{items.map((alert, i) => <Alert key={i} of={alert} />)}</ol>
      {items.length === 0 && <p class="faint">{t("finding.alertsGone")}</p>}
      {next && <p class="pages"><Button busy={busy} onClick={more}>{t("finding.alertsMore")}</Button></p>}
    </>
  );
}

export function Raw({ of }: { of: Finding }) {
  const [which, choose] = useState<"last" | "first">("last");
  const text = JSON.stringify((which === "last" ? of.last_alert : of.first_alert) ?? null, null, 2);
  const lines = text.split("\n");
  return (
    <>
      <div class="title-row">
        <p class="faint">{t("finding.rawHelp")}</p>
        <span class="space" />
        {of.count > 1 && (["last", "first"] as const).map((value) => (
          <Button key={value} kind="quiet" aria-pressed={which === value} onClick={() => choose(value)}>
            {t(`finding.raw.${value}`)}
          </Button>
        ))}
        <Copy of={text} what={t("finding.raw")} word={t("action.copy")} />
      </div>
      <pre class="raw" tabIndex={0} aria-label={t("finding.raw")}>
        {lines.slice(0, LINES_MAX).map((line, i) => <span key={i}><Text of={line} />{"\n"}</span>)}
        {lines.length > LINES_MAX && t("finding.rawCut", { count: lines.length - LINES_MAX })}
      </pre>
    </>
  );
}
