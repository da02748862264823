// The processes of a finding as a tree, the chosen one in full, and what else they started when that is wanted.
import { useState } from "preact/hooks";
import type { Process } from "../core/alert";
import { api } from "../core/api";
import { startedOf } from "../core/evidence";
import { commandOf, forestOf, rowsOf, type ProcessNode, type Started } from "../core/forest";
import { t } from "../core/i18n";
import { findingsWith } from "../core/links";
import { placeFilter } from "../core/neighbours";
import { useResource } from "../core/resource";
import { exact } from "../core/time";
import { visibleText } from "../core/visible";
import type { Finding } from "../generated/schemas";
import { Copy } from "../ui/copy";
import { Button } from "../ui/parts";
import { ProcessTree } from "../ui/process-tree";
import { Text } from "../ui/text";

const AROUND_MS = 600_000;
const LIMIT = 500;

function useStarted(of: Finding, wanted: boolean): Started[] | undefined {
  return useResource<Started[] | undefined>(`started ${of.id} ${wanted} ${of.last_seen_ms}`, async (signal) => {
    if (!wanted) return undefined;
    const filter = `${placeFilter(of)} and kind = exec`;
    const time = { from: of.first_seen_ms - AROUND_MS, to: of.last_seen_ms + AROUND_MS };
    const page = await api("GET /v1/activity", { query: { filter, ...time, limit: LIMIT }, signal });
    return page.items.map((item) => startedOf(item.fields as Record<string, unknown>, item.time_ms))
      .filter((one): one is Started => one !== null).reverse();
  }).data;
}

function Detail({ of: node }: { of: ProcessNode }) {
  const start = node.start ? Date.parse(node.start) : Number.NaN;
  const command = commandOf(node);
  return (
    <div class="process-detail" role="status">
      <p><strong><Text of={node.name || node.exe} /></strong>{" "}
        <span class="faint">
          {[node.pid !== null ? t("finding.pid", { pid: String(node.pid) }) : "",
            node.nsPid !== null && node.nsPid !== node.pid ? t("finding.nsPid", { pid: String(node.nsPid) }) : "",
            node.uid !== null ? t("finding.uid", { uid: String(node.uid) }) : "",
            Number.isNaN(start) ? "" : t("finding.started", { time: exact(start) })].filter(Boolean).join(" · ")}
        </span></p>
      {command && <div class="command-line"><Text of={command} mono /><Copy of={command} what={t("finding.command")} /></div>}
      {node.parent && <p class="faint">{t("finding.startedBy")} <Text of={node.parent.name || node.parent.exe} /></p>}
      {node.exe && (
        <p><a href={findingsWith("proc.exepath", node.exe)}>{t("finding.ofProgram", { exe: visibleText(node.exe) })}</a></p>
      )}
    </div>
  );
}

export function Processes({ of, lineage }: { of: Finding; lineage: Process[] }) {
  const [wanted, setWanted] = useState(false);
  const [chosen, choose] = useState<string>();
  const started = useStarted(of, wanted);
  if (lineage.length === 0) return <p class="faint">{t("finding.noLineage")}</p>;
  const roots = forestOf(lineage, started ?? []);
  const rows = rowsOf(roots, new Set());
  const node = rows.find((one) => one.key === chosen) ?? rows.find((one) => one.culprit);
  const more = rows.filter((one) => one.beside).length;
  return (
    <>
      <p class="faint">{t("finding.lineageHelp")}</p>
      <ProcessTree roots={roots} label={t("finding.tree")} chosen={node?.key} onChoose={(to) => choose(to.key)} />
      {node && <Detail of={node} />}
      <p>
        <Button kind="quiet" aria-pressed={wanted} onClick={() => setWanted(!wanted)}>{t("finding.showStarted")}</Button>{" "}
        {wanted && started && <span class="faint" role="status">{t("finding.startedCount", { count: more })}</span>}
      </p>
    </>
  );
}
