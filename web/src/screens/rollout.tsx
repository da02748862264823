// On how many agents a version of the rules and lists is in force: asked again until all have it.
import { useEffect } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import type { Rollout as State } from "../generated/schemas";
import { Text } from "../ui/text";

const AGAIN_MS = 1000;

function waits(state: State | undefined): boolean {
  return state === undefined || (state.in_force < state.agents && state.in_force + state.failed < state.agents);
}

/** Without a version: that of now. */
export function Rollout({ version }: { version: number | undefined }) {
  const state = useResource<State>(`rollout ${version}`, (signal) =>
    api("GET /v1/content/rollout", { query: { version, limit: 100 }, signal }));
  const data = state.data;
  useEffect(() => listen("agent", state.reload), []);
  useEffect(() => {
    if (!waits(data)) return undefined;
    const timer = window.setTimeout(state.reload, AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [data]);
  if (!data) return <div class="rollout" />;
  const text = data.agents === 0 ? t("rollout.none") : t("rollout.state", { n: data.in_force, m: data.agents });
  return (
    <section class="rollout" aria-label={t("rollout.title")}>
      <progress max={Math.max(1, data.agents)} value={data.in_force} aria-label={text} />
      <p role="status">
        <strong>{text}</strong>{" "}
        {data.agents > 0 && data.in_force === data.agents && <span>{t("rollout.done")} </span>}
        <span class="faint">{t("rollout.version", { version: data.version })}</span>
      </p>
      {data.failed > 0 && (
        <>
          <p class="fault">{t("rollout.failed", { count: data.failed })}</p>
          <ul>{data.items.filter((agent) => !agent.ok && agent.heard).map((agent) => (
            <li key={agent.agent}><Text of={agent.agent} mono />: <Text of={agent.error ?? ""} /></li>
          ))}</ul>
        </>
      )}
    </section>
  );
}
