// How the server is: what it keeps, how fast things arrive, what is missing, copies, versions, diagnostics.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { number, t } from "../core/i18n";
import { addReading, type Reading } from "../core/rates";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import { bytes, span } from "../core/size";
import type { Stats, System as State } from "../generated/schemas";
import { Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Settings } from "./settings";
import { Facts, State as Mark } from "./settings-parts";
import { Backups } from "./settings-system-backups";
import { Diagnostics, Versions } from "./settings-system-versions";
import { Gaps } from "./settings-system-gaps";
import { Rates } from "./settings-system-rates";

const EVERY_MS = 5000;
/** The second reading, without which there is no rate. */
const SOON_MS = 1500;
/** Under it the disk fills up before somebody is likely to look again. */
const FREE_SHARE = 0.1;

interface Both { system: State; stats: Stats }

function ask(signal: AbortSignal): Promise<Both> {
  return Promise.all([api("GET /v1/system", { signal }), api("GET /v1/stats", { signal })])
    .then(([system, stats]) => ({ system, stats }));
}

/** Asked anew every few seconds while somebody looks; each answer is a reading of the counters. */
function useBoth() {
  const both = useResource("system", ask);
  const [readings, setReadings] = useState<Reading[]>([]);
  useEffect(() => {
    const again = () => { if (!document.hidden) both.reload(); };
    const soon = window.setTimeout(again, SOON_MS);
    const timer = window.setInterval(again, EVERY_MS);
    return () => { window.clearTimeout(soon); window.clearInterval(timer); };
  }, []);
  useEffect(() => {
    if (!both.data) return;
    const { system, stats } = both.data;
    setReadings((old) => addReading(old, { at: system.now_ms, values: {
      records: stats.intake.records, requests: system.http.requests ?? 0, alerts: stats.stored.alerts,
      commits: stats.intake.commits, events: system.events.published ?? 0,
    } }));
  }, [both.data]);
  return { both, readings };
}

function problemsOf({ system, stats }: Both): string[] {
  const { disk } = system;
  const low = disk?.total_bytes && (disk.free_bytes ?? 0) / disk.total_bytes < FREE_SHARE;
  return [
    low ? t("system.diskLow", { free: bytes(disk.free_bytes ?? 0) }) : "",
    system.retention.error ? t("system.retentionFailed") : "",
    stats.intake.failures > 0 ? t("system.failures", { count: stats.intake.failures }) : "",
    stats.stored.lost > 0 ? t("system.lost", { count: stats.stored.lost }) : "",
  ].filter(Boolean);
}

function Head({ of }: { of: Both }) {
  const problems = problemsOf(of);
  const { system } = of;
  return (
    <section class={`panel health-panel ${problems.length > 0 ? "some" : ""}`} aria-label={t("system.health")}>
      <Mark kind={problems.length > 0 ? "bad" : "good"}>{t(problems.length > 0 ? "system.look" : "system.well")}</Mark>
      <span class="faint">{t("system.up", { time: span(system.now_ms - system.started_ms), version: system.version })}</span>
      {problems.length > 0 && <ul>{problems.map((one) => <li key={one}>{one}</li>)}</ul>}
    </section>
  );
}

function Tiles({ of: { system, stats } }: { of: Both }) {
  const tiles: Array<[string, string]> = [
    [t("system.findings"), number(system.store.findings ?? 0)],
    [t("system.alerts"), number(system.store.alerts ?? 0)],
    [t("system.activity"), number(system.store.activity ?? 0)],
    [t("system.agents"), number(stats.stored.agents)],
    [t("system.lostTile"), number(stats.stored.lost)],
    [t("system.size"), bytes(system.store.bytes ?? 0)],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([name, value]) => <div key={name} class="tile"><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}

function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return <section class="panel"><h2>{title}</h2>{children}</section>;
}

function Disk({ of }: { of: State["disk"] }) {
  if (!of?.total_bytes) return null;
  const used = of.total_bytes - (of.free_bytes ?? 0);
  return (
    <p class="share">
      <meter min={0} max={of.total_bytes} high={of.total_bytes * (1 - FREE_SHARE)} value={used} aria-label={t("system.disk")} />
      <span class="nowrap">{t("system.diskFree", { free: bytes(of.free_bytes ?? 0), total: bytes(of.total_bytes) })}</span>
    </p>
  );
}

function Store({ of }: { of: State }) {
  const { store, retention } = of;
  return (
    <Card title={t("system.store")}>
      <Disk of={of.disk} />
      <Facts rows={[
        [t("system.dir"), of.dir ? <Text of={of.dir} mono /> : null],
        [t("system.size"), bytes(store.bytes ?? 0)],
        [t("system.days"), number(store.days ?? 0)],
        [t("system.oldest"), store.oldest_day_ms ? <Time ms={store.oldest_day_ms} /> : null],
        [t("system.retention"), t("system.retentionDays", { days: retention.days ?? 0 })],
        [t("system.most"), retention.max_bytes ? bytes(retention.max_bytes) : t("system.unlimited")],
        [t("system.retentionError"), retention.error ? <Text of={retention.error} /> : null],
        [t("system.takenBack"), store.taken_back ? number(store.taken_back) : null],
      ]} />
      <p class="faint">
        {t("system.retentionHelp")} <code class="mono">retention.days</code>, <code class="mono">retention.max_bytes</code>
      </p>
    </Card>
  );
}

function Queues({ of: { system, stats } }: { of: Both }) {
  const { intake } = stats;
  return (
    <Card title={t("system.queues")}>
      <Facts rows={[
        [t("system.queued"), `${number(intake.queued)} · ${bytes(intake.queued_bytes)}`],
        [t("system.commit"), t("system.commitMs", { last: number(Math.round(intake.last_commit_ms)),
          longest: number(Math.round(intake.longest_commit_ms)) })],
        [t("system.batches"), number(intake.batches)],
        [t("system.waits"), number(intake.told_to_wait)],
        [t("system.duplicates"), number(intake.duplicates)],
        [t("system.failed"), number(intake.failures)],
        [t("system.connections"), number(system.http.connections ?? 0)],
        [t("system.refused"), `${number(system.http.refused_connections ?? 0)} · ${number(system.http.too_slow ?? 0)}`],
        [t("system.listeners"), number(system.events.listeners ?? 0)],
        [t("system.eventsLost"), number(system.events.lost ?? 0)],
      ]} />
    </Card>
  );
}

function Tls({ of }: { of: State["tls"] }) {
  return (
    <Card title={t("system.tls")}>
      {of === null ? <p class="note">{t("system.noTls")}</p> : (
        <Facts rows={[
          [t("system.certificate"), t(of.own_ca ? "system.ownCa" : "system.givenCa")],
          [t("enrolments.ca"), of.ca_sha256 ? <Text of={of.ca_sha256} mono /> : null],
          [t("system.renews"), of.renew_ms ? <Time ms={of.renew_ms} full /> : null],
          [t("system.clients"), t(of.client_certificates ? "system.clientsWanted" : "system.clientsNot")],
        ]} />
      )}
    </Card>
  );
}

export default function System() {
  const { both, readings } = useBoth();
  return (
    <Settings at="system" action={both.data && <Diagnostics of={both.data} />}>
      {both.error !== undefined && <Failure error={both.error} retry={both.reload} />}
      {!both.data ? both.error === undefined && <Loading /> : (
        <>
          <Head of={both.data} />
          <Tiles of={both.data} />
          <Rates readings={readings} />
          <div class="cards">
            <Store of={both.data.system} />
            <Queues of={both.data} />
            <div class="stack">
              <Tls of={both.data.system.tls} />
              <Versions server={both.data.system.version} />
            </div>
          </div>
          {may("admin") ? <Backups /> : <p class="note">{t("system.backupsNot")}</p>}
          <Gaps />
        </>
      )}
    </Settings>
  );
}
