// Has it come? The first heartbeat (of Falco: the first alert), then a detection on purpose and how far it got.
import { useEffect } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { listen } from "../core/live";
import { falcoAlert, type Kind } from "../core/onboarding";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Code } from "./onboarding-code";
import type { Made } from "./onboarding-steps";
import { orderTest, Outcome, useTest } from "./test-detection";

const AGAIN_MS = 1000;
const TEST_HOST = "hinomi-console";

export interface Arrived { agent: string; name: string; received_ms: number }

/** Of an enrolment: its newest agent that was heard of. Of Falco: who sent since the token was made. */
async function look(kind: Kind, made: Made, signal: AbortSignal): Promise<Arrived | null> {
  if (kind === "falco") {
    const { items } = await api("GET /v1/coverage", { query: { limit: 500 }, signal });
    const found = items.find((item) => item.kind === "falco" && item.received_ms >= made.made_ms &&
      item.agent !== `falco:${TEST_HOST}`);
    return found ? { agent: found.agent, name: found.agent.slice("falco:".length), received_ms: found.received_ms } : null;
  }
  const { agents } = await api("GET /v1/enrolments/{id}", { path: { id: String(made.id) }, signal });
  const newest = agents?.[0];
  if (!newest) return null;
  const { items } = await api("GET /v1/coverage", { query: { agent: newest.id }, signal });
  const received_ms = items[0]?.received_ms ?? 0;
  return received_ms > 0 ? { agent: newest.id, name: newest.name, received_ms } : null;
}

function useArrival(kind: Kind, made: Made) {
  const arrived = useResource<Arrived | null>(`arrival ${made.id}`, (signal) => look(kind, made, signal));
  useEffect(() => listen("agent", arrived.reload), []);
  useEffect(() => {
    if (arrived.data || arrived.loading) return undefined;
    const timer = window.setTimeout(arrived.reload, AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [arrived.data, arrived.loading]);
  return arrived;
}

async function findingSince(ms: number): Promise<string | null> {
  const { items } = await api("GET /v1/findings",
    { query: { filter: `rule = "Hinomi test detection" and host = "${TEST_HOST}" and last_seen >= ${ms}`, limit: 1 } });
  return items[0]?.id ?? null;
}

async function sendAsFalco(made: Made): Promise<void> {
  const response = await fetch("/", { method: "POST", credentials: "omit", redirect: "error",
    body: falcoAlert(TEST_HOST, Date.now()),
    headers: { Authorization: `Bearer ${made.token}`, "Content-Type": "application/json" } });
  if (!response.ok) throw new Error(`${response.status}`);
}

function Test({ kind, made, arrived }: { kind: Kind; made: Made; arrived: Arrived | null }) {
  const test = useTest(async () => {
    if (kind !== "falco") return orderTest(arrived?.agent ?? "");
    const began = Date.now();
    await sendAsFalco(made);
    return () => findingSince(began - AGAIN_MS);
  });
  const ready = kind === "falco" || arrived !== null;
  return (
    <>
      <p>{t(kind === "falco" ? "onboarding.test.falco" : "onboarding.test.intro")}</p>
      <Button kind="primary" busy={test.busy} disabled={!ready || !may("respond")} onClick={() => { void test.run(); }}>
        {t("onboarding.test.do")}</Button>
      {!ready && <p class="faint">{t("onboarding.test.first")}</p>}
      <Outcome test={test} late={t(kind === "falco" ? "onboarding.test.lateFalco" : "onboarding.test.late")} />
      <p>{t(kind === "falco" ? "onboarding.test.falcoReal" : "onboarding.test.real")}</p>
      <Code label={t("onboarding.test.realLabel")}
        text={kind === "falco" ? "sudo cat /etc/shadow > /dev/null" : "touch /tmp/kinsing"} />
    </>
  );
}

export function Arrival({ kind, made }: { kind: Kind; made: Made }) {
  const arrival = useArrival(kind, made);
  const arrived = arrival.data ?? null;
  return (
    <>
      <li class="step">
        <h2>{t(kind === "falco" ? "onboarding.wait.falco" : "onboarding.wait.title")}</h2>
        <div role="status">
          {arrived ? (
            <p class="good"><span class="tick" aria-hidden="true">✓</span>{t("onboarding.wait.heard")}{" "}
              <strong><Text of={arrived.name} /></strong> <span class="faint"><Time ms={arrived.received_ms} /></span>{" "}
              <a href="/coverage">{t("onboarding.wait.open")}</a></p>
          ) : (
            <p class="waiting-line"><span class="pulse" aria-hidden="true" />
              {t(kind === "falco" ? "onboarding.wait.firstAlert" : "onboarding.wait.firstHeartbeat")}</p>
          )}
        </div>
        {!arrived && <p class="faint">{t(kind === "falco" ? "onboarding.wait.falcoHelp" : "onboarding.wait.help")}</p>}
        {arrival.error !== undefined && <Failure error={arrival.error} />}
      </li>
      <li class="step">
        <h2>{t("onboarding.test.title")}</h2>
        <Test kind={kind} made={made} arrived={arrived} />
      </li>
    </>
  );
}
