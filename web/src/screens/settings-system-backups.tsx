// Copies of everything: those that were made, and a new one now.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import type { Backups as All } from "../generated/schemas";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Asked, State, Table } from "./settings-parts";

const AGAIN_MS = 3000;

function List({ all }: { all: All }) {
  if (all.items.length === 0) return <p>{t("backups.none")}</p>;
  return (
    <Table label={t("backups.title")} columns={["settings.name", "settings.made", "settings.state"]}>
      {all.items.map((one, i) => (
        <tr key={one.name}>
          <td><Text of={one.name} mono /></td>
          <td class="nowrap"><Time ms={one.made_ms} full /></td>
          <td><State kind={one.complete ? "good" : i === 0 && all.running ? "over" : "bad"}>
            {t(one.complete ? "backups.complete" : i === 0 && all.running ? "backups.running" : "backups.broken")}
          </State></td>
        </tr>
      ))}
    </Table>
  );
}

export function Backups() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [path, setPath] = useState<string>();
  const all = useResource("backups", (signal) => api("GET /v1/backups", { signal }));
  const running = busy || (all.data?.running ?? false);
  useEffect(() => {
    if (!running) return undefined;
    const timer = window.setInterval(all.reload, AGAIN_MS);
    return () => window.clearInterval(timer);
  }, [running]);
  const make = () => {
    setBusy(true);
    setError(undefined);
    setPath(undefined);
    api("POST /v1/backup", { body: {} }).then((made) => setPath(made.path), setError)
      .finally(() => { setBusy(false); all.reload(); });
  };
  return (
    <section>
      <div class="section-head">
        <h2>{t("backups.title")}</h2>
        <Button busy={running} onClick={make}>{t(running ? "backups.runs" : "backups.now")}</Button>
      </div>
      <p class="faint">{t("backups.help")} <code class="mono">hinomi-server restore</code></p>
      {error !== undefined && <Failure error={error} />}
      <div role="status">{path && <p class="note">{t("backups.madeAt")} <Text of={path} mono /></p>}</div>
      <Asked of={all}>{(data) => <List all={data} />}</Asked>
    </section>
  );
}
