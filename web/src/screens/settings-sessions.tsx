// Sessions: one's own; for administrators also who else is logged in.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import type { Sessions as Own } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Button } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Settings } from "./settings";
import { Asked } from "./settings-parts";
import { SessionRows, SessionTable } from "./settings-session-table";

type Session = Own["items"][number];

function end(sessions: Session[]): Promise<unknown> {
  return Promise.all(sessions.map(({ id }) => api("DELETE /v1/sessions/{id}", { path: { id: String(id) } })));
}

/** Everybody with a session, each of whom can be opened. */
function Others() {
  const users = useResource("users with sessions", (signal) => api("GET /v1/users", { query: { limit: 500 }, signal }));
  return (
    <section>
      <h2>{t("sessions.everybody")}</h2>
      <Asked of={users}>{({ items }) => items.filter((user) => (user.sessions ?? 0) > 0).map((user) => (
        <details key={user.name} class="person">
          <summary>
            <Text of={user.name} /> <span class="faint">{t("sessions.count", { count: user.sessions ?? 0 })}</span>
          </summary>
          <SessionTable name={user.name} onChange={users.reload} />
        </details>
      ))}</Asked>
    </section>
  );
}

export default function Sessions() {
  const [ending, setEnding] = useState<Session[]>();
  const own = useResource("sessions", (signal) => api("GET /v1/sessions", { signal }));
  const others = own.data?.items.filter((session) => !session.current) ?? [];
  return (
    <Settings at="sessions" count={own.data && t("sessions.count", { count: own.data.items.length })}
      action={others.length > 0 && <Button onClick={() => setEnding(others)}>{t("sessions.endOthers")}</Button>}>
      <Asked of={own}>{({ items }) =>
        <SessionRows label={t("sessions.own")} sessions={items} onEnd={(session) => setEnding([session])} />}</Asked>
      {may("admin") && <Others />}
      {ending && (
        <Confirm title={t("sessions.endAsk", { count: ending.length })} action={t("sessions.end")} run={() => end(ending)}
          onClose={() => { setEnding(undefined); own.reload(); }}
          onDone={() => { setEnding(undefined); done(t("sessions.ended")); own.reload(); }}>
          <p>{t("sessions.endHelp")}</p>
        </Confirm>
      )}
    </Settings>
  );
}
