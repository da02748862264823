// What was done with a finding, by whom, and what came of responses.
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import type { Delivery } from "../core/notify";
import { useResource } from "../core/resource";
import type { Exceptions, Finding, FindingAudit } from "../generated/schemas";
import type { ComponentChildren } from "preact";
import { Failure, Loading, StatusMark, Time, type Status } from "../ui/parts";
import { Text } from "../ui/text";
import { ResponseRow, useResponses } from "./finding-respond";

type Entry = FindingAudit["items"][number];
const LIMIT = 200;
const STATUSES: readonly Status[] = ["new", "acknowledged", "archived", "suppressed"];

function Done({ of }: { of: Entry }): ComponentChildren {
  const { detail } = of;
  const status = STATUSES.find((one) => one === detail?.status);
  if (of.action === "finding.status" && status) return <>{t("finding.did.status")} <StatusMark status={status} /></>;
  if (of.action === "finding.status") return t("finding.did.statusSome");
  if (of.action === "finding.assign") {
    if (!detail?.assignee) return t("finding.did.unassign");
    return <>{t("finding.did.assign")} <strong><Text of={detail.assignee} /></strong></>;
  }
  if (of.action === "finding.note") return t("finding.did.note");
  if (of.action === "finding.respond") return <>{t("finding.did.respond")} <Text of={detail?.text} /></>;
  if (of.action === "finding.stop_task") return t(of.result === "ok" ? "finding.did.stopped" : "finding.did.notStopped");
  return <Text of={of.action} mono />;
}

/** Who was told of it by which channel, or was not. */
function Told({ of }: { of: Delivery }) {
  const channel = of.channel_name === null ? t("notifications.channelGone") : <strong><Text of={of.channel_name} /></strong>;
  return (
    <>
      {t(`finding.told.${of.state}`)} {channel}{" "}
      <a href={`/settings/notifications?part=log&finding=${encodeURIComponent(of.finding ?? "")}`}>{t("finding.told.log")}</a>
    </>
  );
}

interface Step { ms: number; who: string | null; what: ComponentChildren }

interface Known { entries: Entry[]; exceptions: Exceptions["items"]; deliveries: Delivery[] }

function stepsOf(of: Finding, { entries, exceptions, deliveries }: Known): Step[] {
  const own: Step[] = [
    { ms: of.created_ms, who: null, what: t("finding.did.made") },
    { ms: of.last_seen_ms, who: null, what: t("finding.did.seen", { count: number(of.count) }) },
  ];
  return [
    ...own.slice(0, of.count > 1 ? 2 : 1),
    ...entries.map((entry) => ({ ms: entry.time_ms, who: entry.actor, what: <Done of={entry} /> })),
    ...deliveries.map((one) => ({ ms: one.done_ms ?? one.created_ms, who: null, what: <Told of={one} /> })),
    ...exceptions.map((one) => ({
      ms: one.created_ms, who: one.author, what: <>{t("finding.did.exception")} <Text of={one.reason} /></>,
    })),
  ].sort((a, b) => b.ms - a.ms);
}

function Responses({ of }: { of: Finding }) {
  const responses = useResponses(of);
  if (!responses.data || responses.data.items.length === 0) return null;
  return (
    <section>
      <h3>{t("finding.resp.title")}</h3>
      <ul class="finding-responses">{responses.data.items.map((one) => <ResponseRow key={one.id} of={one} />)}</ul>
    </section>
  );
}

export function History({ of }: { of: Finding }) {
  const audit = useResource(`audit ${of.id} ${of.version}`, async (signal) => {
    const [entries, exceptions, deliveries] = await Promise.all([
      api("GET /v1/findings/{id}/audit", { path: { id: of.id }, query: { limit: LIMIT }, signal }),
      api("GET /v1/exceptions", { signal }),
      api("GET /v1/notifications/deliveries", { query: { finding: of.id, limit: LIMIT }, signal }),
    ]);
    return { entries: entries.items, exceptions: exceptions.items.filter((one) => one.finding === of.id),
      deliveries: deliveries.items };
  });
  if (audit.error !== undefined && !audit.data) return <Failure error={audit.error} retry={audit.reload} />;
  if (!audit.data) return <Loading />;
  return (
    <>
      <Responses of={of} />
      <section>
        <h3>{t("finding.did.title")}</h3>
        <ol class="finding-history">
          {stepsOf(of, audit.data).map((step, i) => (
            <li key={i}>
              <Time ms={step.ms} full />
              <div>{step.who !== null && <strong><Text of={step.who} /> </strong>}{step.what}</div>
            </li>
          ))}
        </ol>
        <p class="faint">{t("finding.did.help")}</p>
      </section>
    </>
  );
}
