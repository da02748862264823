// What a language model says of a finding, when somebody asks it: set apart from what is known, and never more than text.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { language, number, t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import { isTag, languageName, languagesFor } from "../core/summaries";
import type { Finding, SummariesSettings, Summary } from "../generated/schemas";
import { Field, Select } from "../ui/field";
import { Button, Failure, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { Preview } from "./finding-model-sent";
import "../styles/model.css";

const AGAIN_MS = 1000;
const OTHER = "other";

type Told = NonNullable<Summary["answer"]>;

/** Each claim with the facts that it says it rests on. */
function Claims({ of }: { of: Told["claims"] }) {
  if (of.length === 0) return null;
  return (
    <ul class="model-claims">
      {of.map((claim, i) => (
        <li key={i}>
          <Text of={claim.text} />
          <ul class="tags" aria-label={t("model.restsOn")}>
            {claim.fields.map((field) => (
              <li key={field.id} class="model-fact">
                <span class="faint"><Text of={field.id} /></span> <Text of={field.value} mono />
              </li>
            ))}
          </ul>
        </li>
      ))}
    </ul>
  );
}

function Answer({ of }: { of: Told }) {
  return (
    <>
      <p class="model-summary"><Text of={of.summary} /></p>
      <Claims of={of.claims} />
      {of.steps.length > 0 && (
        <>
          <h4>{t("model.steps")}</h4>
          <ol class="finding-next">{of.steps.map((step, i) => <li key={i}><Text of={step} /></li>)}</ol>
        </>
      )}
    </>
  );
}

function About({ of, onRemove }: { of: Summary; onRemove: () => void }) {
  const tokens = of.input_tokens !== null && of.output_tokens !== null
    ? t("model.tokens", { input: number(of.input_tokens), output: number(of.output_tokens) }) : null;
  return (
    <details class="model-about">
      <summary>{t("model.about")}</summary>
      <dl class="facts">
        <div><dt>{t("model.model")}</dt>
          <dd><Text of={of.model} mono /> <span class="faint">{t(`model.provider.${of.provider}`)}</span></dd></div>
        <div><dt>{t("model.askedBy")}</dt>
          <dd><Text of={of.author} /> <span class="faint"><Time ms={of.created_ms} full /></span></dd></div>
        {tokens && <div><dt>{t("model.size")}</dt><dd>{tokens}</dd></div>}
        {of.prompt_hash && <div><dt>{t("model.hash")}</dt><dd><Text of={of.prompt_hash} mono /></dd></div>}
      </dl>
      {may("triage") && <Button kind="quiet" onClick={onRemove}>{t("model.remove")}</Button>}
    </details>
  );
}

function Card({ of, onRemove }: { of: Summary; onRemove: () => void }) {
  return (
    <article class={`model-card ${of.state}`}>
      <p class="model-mark"><span class="model-badge">{t("model.unverified")}</span>{" "}<Text of={of.model} />
        <span class="faint">{languageName(of.language)} · <Time ms={of.done_ms ?? of.created_ms} /></span></p>
      {of.state === "queued" && (
        <p class="waiting-line" role="status"><span class="pulse" aria-hidden="true" />{t("model.waits")}</p>
      )}
      {of.state === "failed" && (
        <div class="model-failed" role="alert"><strong>{t("model.failed")}</strong> <Said of={of.error} /></div>
      )}
      {of.answer && <div lang={of.language}><Answer of={of.answer} /></div>}
      {of.state !== "queued" && <About of={of} onRemove={onRemove} />}
    </article>
  );
}

interface AskProps { of: Finding; settings: SummariesSettings; busy: boolean; onAsk: (tag: string) => void }

function Ask({ of, settings, busy, onAsk }: AskProps) {
  const [chosen, setChosen] = useState<string>(language.value);
  const [other, setOther] = useState("");
  const [sent, setSent] = useState(false);
  const tag = chosen === OTHER ? other.trim() : chosen;
  const over = settings.used >= settings.per_hour;
  return (
    <div class="model-ask">
      {may("triage") && (
        <>
          <Select label={t("model.in")} value={chosen} onChoose={setChosen}
            choices={[...languagesFor(language.value, settings.language).map((one) => ({ value: one, label: languageName(one) })),
              { value: OTHER, label: t("model.other") }]} />
          {chosen === OTHER && <Field label={t("model.tag")} name="tag" value={other} onText={setOther} maxLength={35}
            autocomplete="off" />}
          <Button busy={busy} disabled={!isTag(tag) || over} onClick={() => onAsk(tag)}>{t("model.ask")}</Button>
        </>
      )}
      <Button kind="quiet" onClick={() => setSent(true)}>{t("model.whatLeaves")}</Button>
      {over && <p class="faint">{t("model.over", { most: settings.per_hour })}</p>}
      {sent && <Preview of={of.id} tag={isTag(tag) ? tag : language.value} onClose={() => setSent(false)} />}
    </div>
  );
}

function useSummaries(of: Finding) {
  const all = useResource(`summaries ${of.id}`, (signal) =>
    api("GET /v1/findings/{id}/summaries", { path: { id: of.id }, signal }));
  const waits = all.data?.items.some((one) => one.state === "queued") ?? false;
  useEffect(() => {
    if (!waits || all.loading) return undefined;
    const timer = window.setTimeout(all.reload, AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [waits, all.loading]);
  return { ...all, waits };
}

function Panel({ of, settings, onAsked }: { of: Finding; settings: SummariesSettings; onAsked: () => void }) {
  const all = useSummaries(of);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const items = [...all.data?.items ?? []].sort((a, b) => b.id - a.id);
  const [newest, ...earlier] = items;
  const ask = (tag: string) => {
    setBusy(true);
    setError(undefined);
    api("POST /v1/findings/{id}/summaries", { path: { id: of.id }, body: { language: tag } })
      .then(() => { all.reload(); onAsked(); }, setError).finally(() => setBusy(false));
  };
  const remove = (one: Summary) => {
    api("DELETE /v1/findings/{id}/summaries/{number}", { path: { id: of.id, number: String(one.id) } })
      .then(() => { done(t("model.removed")); all.reload(); }, failed);
  };
  if (!settings.enabled && !newest) return null;
  return (
    <section class="finding-model" aria-label={t("model.title")}>
      <h3>{t("model.title")}</h3>
      {!newest && settings.enabled && (
        <p class="faint">{t("model.intro", { model: settings.model ?? "", host: settings.host ?? "" })}</p>
      )}
      {newest && <Card key={newest.id} of={newest} onRemove={() => remove(newest)} />}
      {all.error !== undefined && <Failure error={all.error} retry={all.reload} />}
      {error !== undefined && <Failure error={error} />}
      {settings.enabled && <Ask of={of} settings={settings} busy={busy || all.waits} onAsk={ask} />}
      {earlier.length > 0 && (
        <details class="model-earlier"><summary>{t("model.earlier", { count: number(earlier.length) })}</summary>
          {earlier.map((one) => <Card key={one.id} of={one} onRemove={() => remove(one)} />)}</details>
      )}
    </section>
  );
}

/** Off, only what was said while it was on is there. */
export function Model({ of }: { of: Finding }) {
  const settings = useResource("settings of summaries", (signal) => api("GET /v1/summaries", { signal }));
  if (!settings.data) return null;
  return <Panel of={of} settings={settings.data} onAsked={settings.reload} />;
}
