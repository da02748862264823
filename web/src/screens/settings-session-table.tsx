// Sessions: one's own, each of which can be ended, or those of a user, which end together.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { programName } from "../core/program";
import { useResource } from "../core/resource";
import { visibleText } from "../core/visible";
import type { Sessions } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Expires } from "../ui/expiry";
import { Button, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Asked, Table } from "./settings-parts";

type Session = Sessions["items"][number];

const COLUMNS = ["sessions.program", "settings.address", "sessions.seen", "sessions.began", "settings.expires"] as const;

function Program({ of }: { of: string }) {
  const name = programName(of);
  return name ? <span title={visibleText(of)}>{name}</span> : <Text of={of} />;
}

function Row({ session, onEnd }: { session: Session; onEnd: ((session: Session) => void) | undefined }) {
  return (
    <tr>
      <td><Program of={session.program} />{session.current && <span class="tag">{t("sessions.this")}</span>}</td>
      <td><Text of={session.address} mono /></td>
      <td class="nowrap"><Time ms={session.seen_ms} /></td>
      <td class="nowrap"><Time ms={session.created_ms} /></td>
      <td class="nowrap"><Expires ms={session.expires_ms} /></td>
      {onEnd && <td class="right">{!session.current && (
        <Button kind="quiet" onClick={() => onEnd(session)}
          aria-label={t("sessions.endOne", { program: programName(session.program) ?? visibleText(session.program) })}>
          {t("sessions.end")}
        </Button>
      )}</td>}
    </tr>
  );
}

export function SessionRows({ label, sessions, onEnd }:
  { label: string; sessions: Session[]; onEnd?: (session: Session) => void }) {
  return (
    <Table label={label} columns={onEnd ? [...COLUMNS, "settings.action"] : COLUMNS}>
      {sessions.map((session) => <Row key={session.id} session={session} onEnd={onEnd} />)}
    </Table>
  );
}

/** Of one user, for administrators. */
export function SessionTable({ name, onChange }: { name: string; onChange: () => void }) {
  const [asking, setAsking] = useState(false);
  const sessions = useResource(`sessions of ${name}`, (signal) =>
    api("GET /v1/users/{name}/sessions", { path: { name }, signal }));
  const label = t("sessions.of", { name: visibleText(name) });
  return (
    <div class="sessions-of">
      <Asked of={sessions}>{({ items }) => items.length === 0 ? <p class="faint">{t("sessions.none")}</p> : (
        <>
          <SessionRows label={label} sessions={items} />
          <div class="buttons"><Button onClick={() => setAsking(true)}>{t("sessions.endAll")}</Button></div>
        </>
      )}</Asked>
      {asking && (
        <Confirm title={t("sessions.endAllAsk", { name: visibleText(name) })} action={t("sessions.endAll")}
          run={() => api("DELETE /v1/users/{name}/sessions", { path: { name } })} onClose={() => setAsking(false)}
          onDone={() => { setAsking(false); done(t("sessions.ended")); sessions.reload(); onChange(); }}>
          <p>{t("sessions.endAllHelp")}</p>
        </Confirm>
      )}
    </div>
  );
}
