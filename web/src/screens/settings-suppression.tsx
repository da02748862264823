// One suppression: a new one, and at the side one that can be changed or ended, with the findings that it holds.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { endOf } from "../core/expiry";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { Suppression } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Expires, ExpirySelect } from "../ui/expiry";
import { Field } from "../ui/field";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { ENDS } from "./settings-exception";
import { Facts, State } from "./settings-parts";

/** The findings that have the status "suppressed" and fit the filter. */
export function suppressedUrl(filter: string): string {
  return `/findings?${new URLSearchParams({ view: "suppressed", time: "all", filter })}`;
}

export function SuppressionState({ of }: { of: Suppression }) {
  if (of.error !== null) return <State kind="bad">{t("suppressions.broken")}</State>;
  return <State kind={of.expired ? "over" : "good"}>{t(of.expired ? "suppressions.over" : "suppressions.active")}</State>;
}

interface Wish { name: string; filter: string; reason: string; existing: boolean }

/** How many findings a filter fits, asked a moment after the last letter. */
export function Fits({ filter }: { filter: string }) {
  const found = useResource(`fits ${filter}`, (signal) => new Promise<void>((resolve) => setTimeout(resolve, 300))
    .then(() => signal.aborted || !filter.trim() ? undefined
      : api("GET /v1/findings", { query: { filter, from: "-7d", limit: 1 }, signal })));
  if (!filter.trim() || found.loading) return <p class="faint fits" role="status">{t("suppressions.fitsHelp")}</p>;
  if (found.error !== undefined) return <Failure error={found.error} />;
  return <p class="fits" role="status">{t("suppressions.fits", { count: found.data?.total ?? 0 })}</p>;
}

function Fields({ wish, onWish }: { wish: Wish; onWish: (change: Partial<Wish>) => void }) {
  return (
    <>
      <Field label={t("settings.name")} name="name" value={wish.name} onText={(name) => onWish({ name })} required
        maxLength={100} autocomplete="off" />
      <Field label={t("findings.filter")} name="filter" value={wish.filter} onText={(filter) => onWish({ filter })} rows={3}
        help={t("suppressions.filterHelp")} />
      <Fits key={wish.filter} filter={wish.filter} />
      <Field label={t("exceptions.reason")} name="reason" value={wish.reason} onText={(reason) => onWish({ reason })} rows={2}
        help={t("suppressions.reasonHelp")} />
    </>
  );
}

function isWhole(wish: Wish): boolean {
  return [wish.name, wish.filter, wish.reason].every((text) => text.trim() !== "");
}

export function NewSuppression({ onClose, onChange }: { onClose: () => void; onChange: () => void }) {
  const [wish, setWish] = useState<Wish>({ name: "", filter: "", reason: "", existing: false });
  const [end, setEnd] = useState<number | null | undefined>(() => endOf("30d"));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/suppressions", { body: { ...wish, expires_ms: end ?? null } }).then(({ changed }) => {
      done(t("suppressions.madeDone", { count: changed }));
      onChange();
      onClose();
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog firm title={t("suppressions.new")} onClose={onClose}>
      <form class="form" onSubmit={save}>
        <Fields wish={wish} onWish={(change) => setWish((old) => ({ ...old, ...change }))} />
        <ExpirySelect label={t("exceptions.ends")} spans={ENDS} first="30d" onEnd={setEnd} />
        <label class="check">
          <input type="checkbox" checked={wish.existing}
            onChange={(event) => setWish({ ...wish, existing: event.currentTarget.checked })} />
          {t("suppressions.existing")}
        </label>
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!isWhole(wish) || Number.isNaN(end)}>
            {t("suppressions.make")}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Edit({ of, onChange }: { of: Suppression; onChange: () => void }) {
  const [wish, setWish] = useState<Wish>({ name: of.name, filter: of.filter, reason: of.reason, existing: false });
  const [end, setEnd] = useState<number | null | undefined>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const same = wish.name === of.name && wish.filter === of.filter && wish.reason === of.reason && end === undefined;
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const { name, filter, reason } = wish;
    api("PATCH /v1/suppressions/{id}", { path: { id: String(of.id) },
      body: { name, reason, ...(filter === of.filter ? {} : { filter }), ...(end === undefined ? {} : { expires_ms: end }) } })
      .then(() => { done(t("settings.saved")); onChange(); }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save}>
      <Fields wish={wish} onWish={(change) => setWish((old) => ({ ...old, ...change }))} />
      <ExpirySelect label={t("exceptions.ends")} spans={ENDS} first="keep" onEnd={setEnd} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button kind="primary" submit busy={busy} disabled={same || !isWhole(wish) || Number.isNaN(end)}>
          {t("action.save")}
        </Button>
      </div>
    </form>
  );
}

function About({ of }: { of: Suppression }) {
  return (
    <>
      {of.error !== null && (
        <div class="failure"><strong>{t("suppressions.broken")}</strong><p>{t("suppressions.brokenHelp")}</p>
          <pre class="detail">{visibleText(of.error)}</pre></div>
      )}
      <Facts rows={[
        [t("settings.state"), <SuppressionState of={of} />],
        [t("suppressions.caught"), <>
          {t("suppressions.hits", { count: of.hits })}{" "}
          {of.last_hit_ms !== null && <span class="faint"><Time ms={of.last_hit_ms} /></span>}
        </>],
        [t("suppressions.holds"), <a href={suppressedUrl(of.filter)}>{t("suppressions.show")}</a>],
        [t("tokens.maker"), <Text of={of.author} />],
        [t("settings.made"), <Time ms={of.created_ms} full />],
        [t("exceptions.ends"), <Expires ms={of.expires_ms} />],
      ]} />
    </>
  );
}

function Plain({ of }: { of: Suppression }) {
  return (
    <>
      <h3>{t("findings.filter")}</h3><p><Text of={of.filter} mono /></p>
      <h3>{t("exceptions.reason")}</h3><p><Text of={of.reason} /></p>
      <p class="note">{t("exceptions.mayNot")}</p>
    </>
  );
}

export function SuppressionDrawer({ of, onClose, onChange }: { of: Suppression; onClose: () => void; onChange: () => void }) {
  const [ending, setEnding] = useState(false);
  return (
    <>
      <Dialog drawer title={<Text of={of.name} />} onClose={onClose}>
        <About of={of} />
        {may("triage") ? <Edit key={JSON.stringify([of.name, of.filter, of.reason, of.expires_ms])} of={of} onChange={onChange} />
          : <Plain of={of} />}
        {may("triage") && (
          <section class="deeds">
            <div class="deed">
              <div><strong>{t("suppressions.end")}</strong><p class="faint">{t("suppressions.endHelp")}</p></div>
              <Button kind="danger" onClick={() => setEnding(true)}>{t("suppressions.endDo")}</Button>
            </div>
          </section>
        )}
      </Dialog>
      {ending && (
        <Confirm title={t("suppressions.endAsk", { name: visibleText(of.name) })} action={t("suppressions.endDo")}
          run={() => api("DELETE /v1/suppressions/{id}", { path: { id: String(of.id) } })} onClose={() => setEnding(false)}
          onDone={() => { setEnding(false); done(t("suppressions.endDone")); onChange(); onClose(); }}>
          <p>{t("suppressions.endHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
