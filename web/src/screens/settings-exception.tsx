// One exception at the side: its conditions, what it would have hidden lately, its reason and end; and ending it.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import type { Span } from "../core/expiry";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import type { Exception, ExceptionEffect } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Expires, ExpirySelect } from "../ui/expiry";
import { Field } from "../ui/field";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Asked, Facts, State } from "./settings-parts";

const DAYS = 7;
export const ENDS: readonly Span[] = ["1d", "7d", "30d", "90d", "1y", "never"];

/** All of them have to hold. */
export function Conditions({ of }: { of: Exception["fields"] }) {
  return (
    <ul class="conditions">
      {of.map((one, i) => (
        <li key={i}>
          <span class="mono">{one.field}</span> <span class="op">{one.op}</span>{" "}
          <Text of={Array.isArray(one.value) ? one.value.join(", ") : one.value} mono />
        </li>
      ))}
    </ul>
  );
}

export function ExceptionState({ of }: { of: Exception }) {
  return <State kind={of.state === "active" ? "good" : "over"}>{t(`exceptions.${of.state}`)}</State>;
}

function Effect({ of }: { of: ExceptionEffect }) {
  return (
    <>
      <p>{t("exceptions.hidden", { hidden: of.hidden, alerts: of.alerts, days: DAYS })}
        {of.undecided > 0 && ` ${t("exceptions.undecided", { count: of.undecided })}`}
        {!of.complete && ` ${t("exceptions.incomplete")}`}</p>
      {of.samples.length > 0 && (
        <ul class="samples">
          {of.samples.map((sample) => (
            <li key={sample.id}><span class="faint"><Time ms={sample.time_ms} /></span> <Text of={sample.output} mono /></li>
          ))}
        </ul>
      )}
    </>
  );
}

function Hides({ of }: { of: Exception }) {
  const effect = useResource(`effect ${of.id}`, (signal) => api("POST /v1/exceptions/preview",
    { body: { rule: of.rule, fields: of.fields, days: DAYS }, signal }));
  return (
    <section>
      <h3>{t("exceptions.hides")}</h3>
      <Asked of={effect}>{(found) => <Effect of={found} />}</Asked>
      <p class="faint">{t("exceptions.hidesHelp")}</p>
    </section>
  );
}

function Edit({ of, onChange }: { of: Exception; onChange: () => void }) {
  const [reason, setReason] = useState(of.reason);
  const [end, setEnd] = useState<number | null | undefined>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const good = reason.trim() !== "" && !Number.isNaN(end) && (reason !== of.reason || end !== undefined);
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("PATCH /v1/exceptions/{id}", { path: { id: String(of.id) },
      body: { reason, ...(end === undefined ? {} : { expires_ms: end }) } })
      .then(() => { done(t("settings.saved")); onChange(); }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save}>
      <Field label={t("exceptions.reason")} name="reason" value={reason} onText={setReason} rows={2} />
      <ExpirySelect label={t("exceptions.ends")} spans={ENDS} first="keep" onEnd={setEnd} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons"><Button kind="primary" submit busy={busy} disabled={!good}>{t("action.save")}</Button></div>
    </form>
  );
}

function About({ of }: { of: Exception }) {
  return (
    <Facts rows={[
      [t("settings.state"), <ExceptionState of={of} />],
      [t("fact.rule"), <a href={`/rules/${encodeURIComponent(of.rule)}`}><Text of={of.rule} /></a>],
      [t("exceptions.from"), of.finding === null ? null
        : <a href={`/findings/${encodeURIComponent(of.finding)}`}><Text of={of.finding} mono /></a>],
      [t("tokens.maker"), <Text of={of.author} />],
      [t("settings.made"), <Time ms={of.created_ms} full />],
      [t("exceptions.ends"), of.state === "active" ? <Expires ms={of.expires_ms} /> : null],
      [t("exceptions.endedAt"), of.ended_ms === null ? null : <Time ms={of.ended_ms} full />],
      [t("exceptions.inRule"), <Text of={of.name} mono />],
    ]} />
  );
}

export function ExceptionDrawer({ of, onClose, onChange }: { of: Exception; onClose: () => void; onChange: () => void }) {
  const [ending, setEnding] = useState(false);
  const active = of.state === "active";
  return (
    <>
      <Dialog drawer title={t("exceptions.one")} onClose={onClose}>
        <h3>{t("exceptions.conditions")}</h3>
        <Conditions of={of.fields} />
        <About of={of} />
        {active && may("triage") ? <Edit key={`${of.reason} ${of.expires_ms}`} of={of} onChange={onChange} />
          : <><h3>{t("exceptions.reason")}</h3><p><Text of={of.reason} /></p></>}
        {active && !may("triage") && <p class="note">{t("exceptions.mayNot")}</p>}
        <Hides of={of} />
        {active && may("triage") && (
          <section class="deeds">
            <div class="deed">
              <div><strong>{t("exceptions.end")}</strong><p class="faint">{t("exceptions.endHelp")}</p></div>
              <Button kind="danger" onClick={() => setEnding(true)}>{t("exceptions.endDo")}</Button>
            </div>
          </section>
        )}
      </Dialog>
      {ending && (
        <Confirm title={t("exceptions.endAsk")} action={t("exceptions.endDo")} onClose={() => setEnding(false)}
          run={() => api("DELETE /v1/exceptions/{id}", { path: { id: String(of.id) } })}
          onDone={() => { setEnding(false); done(t("exceptions.endDone")); onChange(); onClose(); }}>
          <p><Text of={of.rule} /></p>
          <Conditions of={of.fields} />
          <p>{t("exceptions.endHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
