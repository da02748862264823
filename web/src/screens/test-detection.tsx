// A detection on purpose: asked for, and looked for among the findings until it is there.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { Failure } from "../ui/parts";

const AGAIN_MS = 250;
const LIMIT_MS = 60_000;

/** The id of the finding; null: not there yet. */
type Look = () => Promise<string | null>;

/** The finding whose newest alert is of this order. */
async function findingOf(agent: string, order: number): Promise<string | null> {
  const { items } = await api("GET /v1/findings",
    { query: { filter: `rule = "Hinomi test detection" and agent = "${agent}"`, limit: 1 } });
  if (!items[0]) return null;
  const finding = await api("GET /v1/findings/{id}", { path: { id: items[0].id } });
  const fields = finding.last_alert?.output_fields;
  const last = typeof fields === "object" && fields !== null && "test.order" in fields ? fields["test.order"] : 0;
  return typeof last === "number" && last >= order ? finding.id : null;
}

/** Orders one of an agent. */
export async function orderTest(agent: string): Promise<Look> {
  const { order } = await api("POST /v1/agents/{id}/test", { path: { id: agent } });
  return () => findingOf(agent, order);
}

/** null: it did not come in time. */
async function waitFor(look: Look, given: () => boolean): Promise<string | null> {
  for (const end = Date.now() + LIMIT_MS; Date.now() < end && !given();) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  return null;
}

interface State { busy?: boolean; found?: { id: string; took_ms: number }; late?: boolean; error?: unknown }

export function useTest(start: () => Promise<Look>) {
  const [state, setState] = useState<State>({});
  const gone = useRef(false);
  useEffect(() => () => { gone.current = true; }, []);
  const run = async () => {
    const began = Date.now();
    setState({ busy: true });
    try {
      const id = await waitFor(await start(), () => gone.current);
      if (!gone.current) setState(id ? { found: { id, took_ms: Date.now() - began } } : { late: true });
    } catch (error) {
      setState({ error });
    }
  };
  return { ...state, run };
}

export function Outcome({ test, late }: { test: ReturnType<typeof useTest>; late: string }) {
  return (
    <>
      <div role="status">
        {test.busy && <p class="waiting-line"><span class="pulse" aria-hidden="true" />{t("onboarding.test.way")}</p>}
        {test.found && (
          <p class="good"><span class="tick" aria-hidden="true">✓</span>
            {t("onboarding.test.arrived", { seconds: (test.found.took_ms / 1000).toFixed(1) })}{" "}
            <a href={`/findings/${encodeURIComponent(test.found.id)}`}>{t("onboarding.test.open")}</a></p>
        )}
        {test.late && <p class="fault">{late}</p>}
      </div>
      {test.error !== undefined && <Failure error={test.error} />}
    </>
  );
}
