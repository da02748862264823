// On how many agents a version of the rules and lists is in force, and which do not have it yet and why: asked again
// until all have it.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import type { Agents, Rollout as State } from "../generated/schemas";
import { Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import "../styles/policies.css";

const AGAIN_MS = 1000;
/** While an agent that refused it may yet take it. */
const LATER_MS = 5000;
const SHOWN = 100;
type Item = State["items"][number];

function waits(state: State | undefined): boolean {
  return state === undefined || (state.in_force < state.agents && state.in_force + state.failed < state.agents);
}

function Why({ item }: { item: Item }) {
  if (!item.ok) return <>{t("rollout.why.refused")}{item.error && <div class="faint"><Text of={item.error} /></div>}</>;
  return <>{t(item.heard ? "rollout.why.coming" : "rollout.why.silent")}</>;
}

/** Who lacks the version. */
function Lagging({ version, round }: { version: number; round: number }) {
  const late = useResource<State>(`lagging ${version} ${round}`, (signal) =>
    api("GET /v1/content/rollout", { query: { version, lagging: "true", limit: SHOWN }, signal }));
  const agents = useResource<Agents>("agents", (signal) => api("GET /v1/agents", { query: { limit: 500 }, signal }));
  if (!late.data) return <Loading />;
  if (late.data.items.length === 0) return <p class="faint">{t("rollout.nobodyLags")}</p>;
  const names = new Map((agents.data?.items ?? []).map((agent) => [agent.id, agent.name]));
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("rollout.lagging")}>
      <table class="table">
        <thead>
          <tr>
            <th scope="col">{t("rollout.col.agent")}</th>
            <th scope="col">{t("rollout.col.has")}</th>
            <th scope="col">{t("rollout.col.why")}</th>
            <th scope="col">{t("rollout.col.heard")}</th>
          </tr>
        </thead>
        <tbody>{late.data.items.map((item) => (
          <tr key={item.agent}>
            <td><Text of={names.get(item.agent) || item.agent} /></td>
            <td class="number nowrap">{item.version > 0 ? number(item.version) : t("rollout.nothing")}</td>
            <td><Why item={item} /></td>
            <td class="nowrap">{item.received_ms > 0 && <Time ms={item.received_ms} />}</td>
          </tr>
        ))}</tbody>
      </table>
      {late.data.next && <p class="faint">{t("rollout.more", { count: SHOWN })}</p>}
    </div>
  );
}

function stateOf(data: State): "none" | "done" | "failed" | "waits" {
  if (data.agents === 0) return "none";
  if (data.in_force >= data.agents) return "done";
  return waits(data) ? "waits" : "failed";
}

/** Without a version: that of now. */
export function Rollout({ version }: { version: number | undefined }) {
  const state = useResource<State>(`rollout ${version}`, (signal) =>
    api("GET /v1/content/rollout", { query: { version, limit: 1 }, signal }));
  const [open, setOpen] = useState(false);
  const [round, setRound] = useState(0);
  const data = state.data;
  useEffect(() => {
    const again = () => { state.reload(); setRound((n) => n + 1); };
    const stops = [listen("agent", again), listen("content", again)];
    return () => { for (const stop of stops) stop(); };
  }, []);
  useEffect(() => {
    setRound((n) => n + 1);
    if (data && data.in_force >= data.agents) return undefined;
    const timer = window.setTimeout(state.reload, waits(data) ? AGAIN_MS : LATER_MS);
    return () => window.clearTimeout(timer);
  }, [data]);
  if (!data) return <div class="rollout" />;
  const text = data.agents === 0 ? t("rollout.none") : t("rollout.state", { n: data.in_force, m: data.agents });
  const mark = stateOf(data);
  return (
    <section class={`rollout ${mark}`} aria-label={t("rollout.title")}>
      <div class="rollout-row">
        <span class="rollout-mark" aria-hidden="true" />
        <p role="status">
          <strong>{text}</strong>{" "}
          {mark === "done" && <span>{t("rollout.done")} </span>}
          {data.failed > 0 && <span class="fault">{t("rollout.failed", { count: data.failed })} </span>}
          <span class="faint">{t("rollout.version", { version: data.version })}</span>
        </p>
        <progress max={Math.max(1, data.agents)} value={data.in_force} aria-label={text} />
        <button type="button" class="link" aria-expanded={open} title={t("rollout.who")} onClick={() => setOpen(!open)}>
          {t(open ? "rollout.hide" : "rollout.show")}
        </button>
      </div>
      {open && <Lagging version={data.version} round={round} />}
    </section>
  );
}
