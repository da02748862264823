// One agent: its state with what to do about it, what it is, what it does and lost, its containers; test and revoke it.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { bytes, inHeartbeat, numberOf, reasonHelp, reasonName, textOf, type Item } from "../core/coverage";
import { number, t } from "../core/i18n";
import { listen } from "../core/live";
import { findingsUrl, is } from "../core/overview";
import { useResource } from "../core/resource";
import { go } from "../core/router";
import { may } from "../core/session";
import { ago, exact } from "../core/time";
import { visibleText } from "../core/visible";
import type { Agent, Coverage, Gaps } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Panel } from "../ui/panel";
import { Button, Empty, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { Mark, RulesVersion, Words } from "./coverage-agents";
import { ContainerRow } from "./coverage-containers";
import { orderTest, Outcome, useTest } from "./test-detection";
import "../styles/coverage.css";
import "../styles/onboarding.css";

const GAPS = 20;

function useData(id: string) {
  const coverage = useResource<Coverage>(`agent ${id}`, (signal) => api("GET /v1/coverage", { query: { agent: id }, signal }));
  const agent = useResource<Agent | null>(`enrolled ${id}`, (signal) =>
    id.startsWith("falco:") ? Promise.resolve(null) : api("GET /v1/agents/{id}", { path: { id }, signal }));
  const gaps = useResource<Gaps>(`gaps ${id}`, (signal) => api("GET /v1/gaps", { query: { agent: id, limit: GAPS }, signal }));
  const rules = useResource("rules", (signal) => api("GET /v1/content/rollout", { query: { limit: 1 }, signal }));
  useEffect(() => {
    const again = () => { coverage.reload(); agent.reload(); gaps.reload(); rules.reload(); };
    const stops = [listen("agent", (event) => { if (event.id === id) again(); }), listen("lost", again)];
    return () => stops.forEach((stop) => stop());
  }, [id]);
  return { coverage, agent, gaps, newest: rules.data?.newest };
}

function Reasons({ item }: { item: Item }) {
  if (item.reasons.length === 0) return <p>{t("coverage.allWell")}</p>;
  return (
    <ul class="reason-list">
      {item.reasons.map((reason) => (
        <li key={reason.code}>
          <strong>{reasonName(reason.code)}</strong>
          <Words item={item} code={reason.code} />
          <p>{reasonHelp(reason.code)}</p>
        </li>
      ))}
    </ul>
  );
}

type Pair = [string, preact.ComponentChildren];

function Pairs({ of }: { of: Pair[] }) {
  return <dl class="facts">{of.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>;
}

function Facts({ item, agent, newest }: { item: Item; agent: Agent | null; newest: number | undefined }) {
  const { heartbeat } = item;
  const rows: Pair[] = [
    [t("coverage.fact.id"), <Text of={item.agent} mono />],
    [t("fact.cluster"), <Text of={agent?.cluster} />],
    [t("fact.host"), <Text of={textOf(heartbeat, "hostname") ?? agent?.hostname} />],
    [t("coverage.fact.kernel"), <Text of={textOf(heartbeat, "kernel") ?? agent?.kernel} />],
    [t("coverage.col.version"), <Text of={textOf(heartbeat, "version") ?? agent?.version} />],
    [t("coverage.col.sensor"), <Text of={textOf(heartbeat, "sensor") ?? agent?.sensor} />],
    [t("coverage.col.rules"), <RulesVersion item={item} newest={newest} />],
  ];
  if (agent) {
    rows.push([t("coverage.fact.enrolled"), <Time ms={agent.created_ms} full />],
      [t("coverage.fact.address"), <Text of={agent.address} mono />]);
    if (Object.keys(agent.labels).length > 0) {
      rows.push([t("coverage.fact.labels"), <ul class="tags">{Object.entries(agent.labels).map(([name, value]) =>
        <li key={name} class="tag"><Text of={`${name}=${value}`} /></li>)}</ul>]);
    }
  }
  return <Pairs of={rows} />;
}

function Figures({ item }: { item: Item }) {
  const { heartbeat } = item;
  const count = (path: string) => { const value = numberOf(heartbeat, path); return value === null ? "–" : number(value); };
  const started = numberOf(heartbeat, "started_ms");
  const spool = numberOf(heartbeat, "spool.bytes");
  return (
    <Pairs of={[
      [t("coverage.col.heard"), item.received_ms > 0 ? <Time ms={item.received_ms} full /> : t("coverage.never")],
      [t("coverage.fact.started"), started ? <Time ms={started} full /> : "–"],
      [t("coverage.fact.events"), count("events")],
      [t("finding.alerts"), count("alerts")],
      [t("coverage.fact.loaded"), count("rules")],
      [t("coverage.fact.lag"), numberOf(heartbeat, "lag_ms") === null ? "–" : `${count("lag_ms")} ms`],
      [t("coverage.fact.drops"), count("drops")],
      [t("coverage.fact.gaps"), count("gaps")],
      [t("coverage.fact.spool"), spool === null ? "–"
        : t("coverage.spool", { size: bytes(spool), records: count("spool.records") })],
      [t("coverage.fact.activity"), `${count("activity.sent")} / ${count("activity.lost")}`],
    ]} />
  );
}

function GapList({ gaps }: { gaps: Gaps }) {
  if (gaps.items.length === 0) return <p class="faint">{t("coverage.noGaps")}</p>;
  return (
    <ul class="gaps">
      {gaps.items.map((gap) => (
        <li key={`${gap.n} ${gap.received_ms}`}>
          <strong><Text of={gap.kind} /></strong>{" "}
          <span>{gap.count === null ? t("coverage.gapUnknown") : t("coverage.gapCount", { count: gap.count })}</span>
          <div class="faint"><Time ms={gap.from_ms || gap.received_ms} full />
            {typeof gap.gap.why === "string" && <> <Text of={gap.gap.why} /></>}</div>
        </li>
      ))}
    </ul>
  );
}

function ContainerList({ item }: { item: Item }) {
  const containers = inHeartbeat(item.heartbeat);
  const more = numberOf(item.heartbeat, "more") ?? 0;
  if (containers.length === 0) return <p class="faint">{t("coverage.noContainersHere")}</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("coverage.seen")}>
      <table class="table cards">
        <thead><tr><th scope="col">{t("fact.container")}</th><th scope="col">{t("fact.image")}</th>
          <th scope="col">{t("coverage.col.state")}</th></tr></thead>
        <tbody>{[...containers].sort((a, b) => Number(a.watched) - Number(b.watched))
          .map((one) => <ContainerRow key={one.id} container={one} />)}</tbody>
      </table>
      {more > 0 && <p class="faint">{t("findings.rest", { count: more })}</p>}
    </div>
  );
}

function Revoke({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const revoke = () => {
    setBusy(true);
    api("POST /v1/agents/{id}/revoke", { path: { id } }).then(() => {
      done(t("coverage.revoked", { name }));
      go("/coverage");
    }, (error: unknown) => { failed(error); onClose(); });
  };
  return (
    <Dialog title={t("coverage.revokeTitle")} onClose={onClose}>
      <p><strong><Text of={name} /></strong></p>
      <p>{t("coverage.revokeText")}</p>
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={revoke}>{t("coverage.revoke")}</Button>
      </div>
    </Dialog>
  );
}

function Actions({ item, agent, name }: { item: Item; agent: Agent | null; name: string }) {
  const [revoking, setRevoking] = useState(false);
  const test = useTest(() => orderTest(item.agent));
  const active = agent?.state === "active";
  return (
    <>
      <div class="actions">
        <a class="button" href={findingsUrl({ time: "7d", view: "all" }, [is("agent", item.agent)])}>{t("coverage.findings")}</a>
        <a class="button" href={`/activity?filter=${encodeURIComponent(`agent = "${item.agent}"`)}`}>{t("nav.activity")}</a>
        {active && may("respond") &&
          <Button busy={test.busy} onClick={() => { void test.run(); }}>{t("onboarding.test.do")}</Button>}
        {active && may("admin") && <Button kind="danger" onClick={() => setRevoking(true)}>{t("coverage.revoke")}</Button>}
      </div>
      <Outcome test={test} late={t("onboarding.test.late")} />
      {revoking && <Revoke id={item.agent} name={name} onClose={() => setRevoking(false)} />}
    </>
  );
}

export default function AgentScreen({ agent: id }: { agent: string }) {
  const { coverage, agent, gaps, newest } = useData(id);
  const item = coverage.data?.items[0];
  if (coverage.error !== undefined && !coverage.data) return <Failure error={coverage.error} retry={coverage.reload} />;
  if (!coverage.data || (agent.data === undefined && agent.loading)) return <Loading />;
  if (!item) {
    return (
      <Empty title="coverage.gone" action={<a class="button" href="/coverage">{t("coverage.title")}</a>}>
        {t("coverage.goneHelp")}
      </Empty>
    );
  }
  const enrolled = agent.data ?? null;
  const name = enrolled?.name || item.agent;
  return (
    <div class="agent">
      <p><a href="/coverage">← {t("coverage.title")}</a></p>
      <div class="title-row"><h1><Text of={name} /></h1><Mark state={item.state} />
        {item.since_ms > 0 && <span class="faint" title={exact(item.since_ms)}>
          {t("coverage.since", { time: ago(item.since_ms) })}</span>}</div>
      <Actions item={item} agent={enrolled} name={visibleText(name)} />
      <Reasons item={item} />
      <div class="agent-two">
        <Panel title={t("coverage.whatItIs")}><Facts item={item} agent={enrolled} newest={newest} /></Panel>
        <Panel title={t("coverage.whatItDoes")}><Figures item={item} /></Panel>
      </div>
      {item.kind === "hinomi" && <Panel title={t("coverage.col.containers")}><ContainerList item={item} /></Panel>}
      <Panel title={t("coverage.missing")}>{gaps.data ? <GapList gaps={gaps.data} /> : <Loading />}</Panel>
    </div>
  );
}
