// The form of a rule: severities and a filter, channels, language, and how often at most; new, or one that is there.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { filterOf, SEVERITIES, THROTTLES, wantedOf, type Channel, type Severity, type Wanted } from "../core/notify";
import { go, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { NotificationRule } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Field, Select } from "../ui/field";
import { FilterInput } from "../ui/filter-input";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { kindName, throttleText } from "./notify-parts";
import { FilterWords } from "./notify-rules";
import { Facts } from "./settings-parts";
import { Fits } from "./settings-suppression";

interface Wish extends Wanted { name: string; channels: number[]; language: "en" | "ja" | ""; throttle_s: number }

const THROTTLE_FIRST = 300;

function bodyOf(wish: Wish) {
  return { name: wish.name.trim(), filter: filterOf(wish), channels: wish.channels, language: wish.language || null,
    throttle_s: wish.throttle_s };
}

function isWhole(wish: Wish): boolean {
  return wish.name.trim() !== "" && wish.channels.length > 0;
}

function toggled<T>(all: readonly T[], one: T, on: boolean): T[] {
  return on ? [...all, one] : all.filter((other) => other !== one);
}

function Severities({ chosen, onChoose }: { chosen: Severity[]; onChoose: (chosen: Severity[]) => void }) {
  return (
    <fieldset class="notify-choices">
      <legend>{t("notifications.severities")}</legend>
      <div>{SEVERITIES.map((band) => (
        <label key={band} class="notify-choice">
          <input type="checkbox" checked={chosen.includes(band)}
            onChange={(event) => onChoose(toggled(chosen, band, event.currentTarget.checked))} />
          <span class={`severity ${band}`}><span class="mark" aria-hidden="true" />{t(`severity.${band}`)}</span>
        </label>
      ))}</div>
      <p class="faint">{t("notifications.severitiesHelp")}</p>
    </fieldset>
  );
}

function ChannelChoice({ all, chosen, onChoose }: { all: Channel[]; chosen: number[]; onChoose: (chosen: number[]) => void }) {
  return (
    <fieldset class="notify-choices">
      <legend>{t("notifications.to")}</legend>
      <div>{all.map((channel) => (
        <label key={channel.id} class="notify-choice">
          <input type="checkbox" checked={chosen.includes(channel.id)}
            onChange={(event) => onChoose(toggled(chosen, channel.id, event.currentTarget.checked))} />
          <span><Text of={channel.name} /> <span class="faint">{kindName(channel.kind)}
            {!channel.enabled && <> · {t("notifications.off")}</>}</span></span>
        </label>
      ))}</div>
    </fieldset>
  );
}

/** Those that are usual, and the one that it has. */
function Throttle({ value, onChoose }: { value: number; onChoose: (seconds: number) => void }) {
  const all = [...new Set<number>([...THROTTLES, value])].sort((a, b) => a - b);
  return (
    <div class="field">
      <Select label={t("notifications.throttle")} value={String(value)} onChoose={(one) => onChoose(Number(one))}
        choices={all.map((one) => ({ value: String(one), label: throttleText(one) }))} />
      <p class="faint">{t("notifications.throttleHelp")}</p>
    </div>
  );
}

function Fields({ wish, channels, onWish }: { wish: Wish; channels: Channel[]; onWish: (change: Partial<Wish>) => void }) {
  const filter = filterOf(wish);
  return (
    <>
      <Field label={t("settings.name")} name="name" value={wish.name} onText={(name) => onWish({ name })} required maxLength={100}
        autocomplete="off" help={t("notifications.ruleNameHelp")} />
      <Severities chosen={wish.bands} onChoose={(bands) => onWish({ bands })} />
      <div class="field">
        <label for="notify-filter">{t("notifications.also")}</label>
        <FilterInput id="notify-filter" label={t("notifications.also")} mode="findings" value={wish.rest}
          onValue={(rest) => onWish({ rest })} onSubmit={() => undefined} />
        <p class="faint">{t("notifications.alsoHelp")}</p>
      </div>
      {filter ? <Fits key={filter} filter={filter} /> : <p class="note fits-all">{t("notifications.allHelp")}</p>}
      <ChannelChoice all={channels} chosen={wish.channels} onChoose={(chosen) => onWish({ channels: chosen })} />
      <div class="field">
        <Select<Wish["language"]> label={t("notifications.messageLanguage")} value={wish.language}
          onChoose={(language) => onWish({ language })}
          choices={[{ value: "", label: t("notifications.channelsOwn") }, { value: "en", label: "English" },
            { value: "ja", label: "日本語" }]} />
      </div>
      <Throttle value={wish.throttle_s} onChoose={(throttle_s) => onWish({ throttle_s })} />
    </>
  );
}

export function NewRule({ channels, onClose, onChange }: { channels: Channel[]; onClose: () => void; onChange: () => void }) {
  const [wish, setWish] = useState<Wish>(() => ({ name: "", bands: ["critical", "high"], rest: "", language: "",
    channels: channels.length === 1 ? channels.map(({ id }) => id) : [], throttle_s: THROTTLE_FIRST }));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/notifications/rules", { body: bodyOf(wish) }).then(() => {
      done(t("notifications.madeRule"));
      onChange();
      onClose();
      go(urlWith({ part: "rules", open: undefined }));
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog firm title={t("notifications.newRule")} onClose={onClose}>
      <form class="form" onSubmit={save}>
        <Fields wish={wish} channels={channels} onWish={(change) => setWish((old) => ({ ...old, ...change }))} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!isWhole(wish)}>{t("notifications.makeRule")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function wishOf(of: NotificationRule): Wish {
  return { ...wantedOf(of.filter), name: of.name, channels: of.channels, language: of.language ?? "", throttle_s: of.throttle_s };
}

function Edit({ of, channels, onChange }: { of: NotificationRule; channels: Channel[]; onChange: () => void }) {
  const [wish, setWish] = useState<Wish>(() => wishOf(of));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const same = JSON.stringify(bodyOf(wish)) === JSON.stringify(bodyOf(wishOf(of)));
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("PATCH /v1/notifications/rules/{id}", { path: { id: String(of.id) }, body: bodyOf(wish) })
      .then(() => { done(t("settings.saved")); onChange(); }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save}>
      <Fields wish={wish} channels={channels} onWish={(change) => setWish((old) => ({ ...old, ...change }))} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button kind="primary" submit busy={busy} disabled={same || !isWhole(wish)}>{t("action.save")}</Button>
      </div>
    </form>
  );
}

function Plain({ of, channels }: { of: NotificationRule; channels: Channel[] }) {
  const names = of.channels.map((id) => channels.find((channel) => channel.id === id)?.name ?? "");
  return (
    <>
      <Facts rows={[[t("findings.filter"), <FilterWords of={of.filter} />],
        [t("notifications.to"), <ul class="tags">{names.map((name) => <li key={name} class="tag"><Text of={name} /></li>)}</ul>],
        [t("notifications.atMost"), throttleText(of.throttle_s)]]} />
      <p class="note">{t("notifications.mayNotRule")}</p>
    </>
  );
}

interface Props { of: NotificationRule; channels: Channel[]; onClose: () => void; onChange: () => void }

export function RuleDrawer({ of, channels, onClose, onChange }: Props) {
  const [removing, setRemoving] = useState(false);
  const allowed = may("triage");
  return (
    <>
      <Dialog drawer title={<Text of={of.name} />} onClose={onClose}>
        {of.error !== null && <div class="failure"><strong>{t("notifications.broken")}</strong>
          <p>{t("notifications.brokenHelp")}</p><pre class="detail">{visibleText(of.error)}</pre></div>}
        <Facts rows={[
          [t("notifications.matched"), of.matched_ms === null ? t("settings.never") : <Time ms={of.matched_ms} full />],
          [t("tokens.maker"), <><Text of={of.author} /> <span class="faint"><Time ms={of.created_ms} /></span></>],
        ]} />
        {allowed ? <Edit key={of.updated_ms} of={of} channels={channels} onChange={onChange} />
          : <Plain of={of} channels={channels} />}
        {allowed && (
          <section class="deeds">
            <div class="deed">
              <div><strong>{t("notifications.removeRule")}</strong><p class="faint">{t("notifications.removeRuleHelp")}</p></div>
              <Button kind="danger" onClick={() => setRemoving(true)}>{t("notifications.remove")}</Button>
            </div>
          </section>
        )}
      </Dialog>
      {removing && (
        <Confirm title={t("notifications.removeAsk", { name: visibleText(of.name) })} action={t("notifications.remove")}
          run={() => api("DELETE /v1/notifications/rules/{id}", { path: { id: String(of.id) } })}
          onClose={() => setRemoving(false)}
          onDone={() => { setRemoving(false); done(t("notifications.removed")); onChange(); onClose(); }}>
          <p>{t("notifications.removeRuleHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
