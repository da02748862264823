// Summaries by a language model: whether they are on, what they may cost, what leaves, and how to turn them on.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { language, number, t } from "../core/i18n";
import { useResource } from "../core/resource";
import { CONFIGURATION, languageName, PROVIDERS } from "../core/summaries";
import type { SummariesSettings } from "../generated/schemas";
import { Button } from "../ui/parts";
import { Text } from "../ui/text";
import { Preview } from "./finding-model-sent";
import { Code } from "./onboarding-code";
import { Settings } from "./settings";
import { Asked, Facts, State } from "./settings-parts";
import "../styles/model.css";
import "../styles/onboarding.css";

const GUARDS = ["asked", "facts", "secrets", "answer", "never", "log"] as const;

function Now({ of }: { of: SummariesSettings }) {
  return (
    <section class="panel">
      <h2>{t("model.now")}</h2>
      <Facts rows={[
        [t("settings.state"), <State kind={of.enabled ? "good" : "over"}>{t(of.enabled ? "model.on" : "model.off")}</State>],
        [t("model.providerName"), of.provider && t(`model.provider.${of.provider}`)],
        [t("model.model"), of.model && <Text of={of.model} mono />],
        [t("model.host"), of.host && <Text of={of.host} mono />],
        [t("model.language"), languageName(of.language)],
        [t("model.quota"), <>{t("model.used", { used: number(of.used), most: number(of.per_hour) })}{" "}
          <meter min={0} max={of.per_hour} value={of.used} aria-label={t("model.quota")} /></>],
        [t("model.longest"), t("model.longestIs", { tokens: number(of.max_tokens), seconds: of.timeout_seconds })],
      ]} />
    </section>
  );
}

/** Of a finding that is there, also while nothing is sent. */
function Example() {
  const newest = useResource("newest", (signal) => api("GET /v1/findings", { query: { limit: 1 }, signal }));
  const [open, setOpen] = useState(false);
  const id = newest.data?.items[0]?.id;
  if (id === undefined) return null;
  return (
    <>
      <Button onClick={() => setOpen(true)}>{t("model.example")}</Button>
      {open && <Preview of={id} tag={language.value} onClose={() => setOpen(false)} />}
    </>
  );
}

function Guards() {
  return (
    <section class="panel">
      <h2>{t("model.guards")}</h2>
      <ul class="model-guards">{GUARDS.map((guard) => <li key={guard}>{t(`model.guard.${guard}`)}</li>)}</ul>
      <Example />
    </section>
  );
}

function HowTo({ of }: { of: SummariesSettings }) {
  return (
    <section>
      <h2>{t(of.enabled ? "model.change" : "model.turnOn")}</h2>
      <p>{t("model.turnOnHelp")}</p>
      <div class="cards">
        {PROVIDERS.map((provider) => (
          <Code key={provider} label={t(`model.provider.${provider}`)} text={CONFIGURATION[provider]} />
        ))}
      </div>
      <p class="faint">{t("model.keyHelp")}</p>
    </section>
  );
}

export default function Summaries() {
  const settings = useResource("summaries", (signal) => api("GET /v1/summaries", { signal }));
  return (
    <Settings at="summaries">
      <Asked of={settings}>{(data) => (
        <><div class="cards"><Now of={data} /><Guards /></div><HowTo of={data} /></>
      )}</Asked>
    </Settings>
  );
}
