// Which versions run, and a file with what support asks for first.
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { useResource } from "../core/resource";
import { failed } from "../ui/toasts";
import type { Agents, Stats, System } from "../generated/schemas";
import { Button } from "../ui/parts";
import { Text } from "../ui/text";
import { Asked, Facts } from "./settings-parts";

/** How many agents have each version, the most common first. */
export function versionsOf(items: Agents["items"]): Array<[string, number]> {
  const counts = new Map<string, number>();
  for (const { version } of items) counts.set(version ?? "", (counts.get(version ?? "") ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a);
}

export function Versions({ server }: { server: string }) {
  const agents = useResource("agents", (signal) => api("GET /v1/agents", { query: { limit: 500, state: "active" }, signal }));
  return (
    <section class="panel">
      <h2>{t("system.versions")}</h2>
      <Facts rows={[[t("system.server"), <Text of={server} mono />]]} />
      <Asked of={agents}>{({ items, total }) => items.length === 0 ? <p class="faint">{t("coverage.empty")}</p> : (
        <>
          <Facts rows={versionsOf(items).map(([version, count]) =>
            [t("system.agentsOf", { count }), <Text of={version} mono />] as const)} />
          {total > items.length && <p class="faint">{t("system.firstAgents", { n: number(items.length) })}</p>}
        </>
      )}</Asked>
    </section>
  );
}

async function collect(of: { system: System; stats: Stats }): Promise<Blob> {
  const [coverage, gaps, version] = await Promise.all([api("GET /v1/coverage", { query: { limit: 200 } }),
    api("GET /v1/gaps", { query: { limit: 100 } }), api("GET /v1/version")]);
  const all = { made: new Date().toISOString(), browser: navigator.userAgent, version, ...of, coverage, gaps };
  return new Blob([JSON.stringify(all, null, 2)], { type: "application/json" });
}

function save(blob: Blob): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `hinomi-diagnostics-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.json`;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Figures and states only: no finding, no secret. */
export function Diagnostics({ of }: { of: { system: System; stats: Stats } }) {
  return (
    <Button title={t("system.diagnosticsHelp")} onClick={() => { collect(of).then(save, failed); }}>
      {t("system.diagnostics")}
    </Button>
  );
}
