// Having something watched: which place, a fresh token with what to copy there, the first heartbeat, a detection on purpose.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { KINDS, LIMITS, type Kind } from "../core/onboarding";
import { place, urlWith } from "../core/router";
import { may } from "../core/session";
import { Field } from "../ui/field";
import { Button, Empty, Failure } from "../ui/parts";
import { Arrival } from "./onboarding-arrival";
import { Steps, type Made } from "./onboarding-steps";
import "../styles/onboarding.css";

const DAY_MS = 86_400_000;
const ICONS: Record<Kind, string> = {
  host: "M4 4h16v6H4zm3 2v2h2V6zM4 14h16v6H4zm3 2v2h2v-2z",
  fargate: "M12 3l8 4.500v9L12 21l-8-4.500v-9zm0 2.300L6.500 8.400 12 11.500l5.500-3.100zM6 10.200v5.200l5 2.800V13z" +
    "m12 0L13 13v5.200l5-2.800z",
  ec2: "M3 5h8v6H3zm10 0h8v6h-8zM3 13h8v6H3zm10 0h8v6h-8zM5 7v2h4V7zm10 0v2h4V7zM5 15v2h4v-2zm10 0v2h4v-2z",
  falco: "M3 6c5 0 8 2 9 5 1-3 4-5 9-5-1 5-3 8-7 9l-2 4-2-4C6 14 4 11 3 6z",
};

function kindHere(): Kind | undefined {
  return KINDS.find((kind) => kind === place.value.query.get("kind"));
}

function Choice({ chosen }: { chosen: Kind | undefined }) {
  return (
    <ul class="choices">
      {KINDS.map((kind) => (
        <li key={kind}>
          <a href={urlWith({ kind })} {...(kind === chosen ? { "aria-current": "true" as const } : {})}>
            <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={ICONS[kind]} /></svg>
            <strong>{t(`onboarding.kind.${kind}`)}</strong>
            <span class="faint">{t(`onboarding.kindHelp.${kind}`)}</span>
          </a>
        </li>
      ))}
    </ul>
  );
}

async function makeToken(kind: Kind, name: string, cluster: string): Promise<Made> {
  const { days, uses, forget_s } = LIMITS[kind];
  const expires_ms = Date.now() + days * DAY_MS;
  if (kind === "falco") {
    const made = await api("POST /v1/tokens", { body: { name, permissions: ["falco"], expires_ms } });
    return { id: made.id, token: made.token ?? "", url: window.location.origin, ca: null, command: "",
      made_ms: made.created_ms };
  }
  const made = await api("POST /v1/enrolments", { body: { name, expires_ms, max_uses: uses, forget_after_s: forget_s,
    ...(cluster ? { cluster } : {}) } });
  return { id: made.id, token: made.token, url: made.server_url, ca: made.ca_sha256, command: made.command,
    made_ms: made.created_ms };
}

function Token({ kind, onMade }: { kind: Kind; onMade: (made: Made) => void }) {
  const [name, setName] = useState(`${kind}-${new Date().toISOString().slice(0, 10)}`);
  const [cluster, setCluster] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    makeToken(kind, name.trim(), cluster.trim()).then(onMade, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <form onSubmit={submit} class="form">
      <div class="pair">
        <Field label={t("onboarding.token.name")} name="name" value={name} onText={setName} maxLength={64} required
          help={t("onboarding.token.nameHelp")} />
        {kind !== "falco" && <Field label={t("onboarding.token.cluster")} name="cluster" value={cluster} onText={setCluster}
          maxLength={200} help={t("onboarding.token.clusterHelp")} />}
      </div>
      <p class="faint">{t(kind === "host" ? "onboarding.token.once" : "onboarding.token.many", { days: LIMITS[kind].days })}</p>
      {error !== undefined && <Failure error={error} />}
      <Button kind="primary" submit busy={busy} disabled={name.trim() === ""}>{t("onboarding.token.make")}</Button>
    </form>
  );
}

function Wizard({ kind }: { kind: Kind }) {
  const [made, setMade] = useState<Made>();
  return (
    <>
      <li class="step">
        <h2>{t("onboarding.token.title")}</h2>
        {made ? <p class="good"><span class="tick" aria-hidden="true">✓</span>{t("onboarding.token.made")}</p>
          : <Token kind={kind} onMade={setMade} />}
      </li>
      {made && (
        <>
          <li class="step"><h2>{t("onboarding.run.title")}</h2><Steps kind={kind} made={made} /></li>
          <Arrival kind={kind} made={made} />
        </>
      )}
    </>
  );
}

export default function Onboarding() {
  const kind = kindHere();
  if (!may("admin")) {
    return <Empty title="onboarding.title">{t("onboarding.notYou")}</Empty>;
  }
  return (
    <div class="onboarding">
      <div class="title-row"><h1>{t("onboarding.title")}</h1></div>
      <p class="intro">{t("onboarding.intro")}</p>
      <ol class="steps">
        <li class="step"><h2>{t("onboarding.choose")}</h2><Choice chosen={kind} /></li>
        {kind && <Wizard key={kind} kind={kind} />}
      </ol>
    </div>
  );
}
