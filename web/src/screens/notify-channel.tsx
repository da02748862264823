// One channel at the side: does it work, a test, its form, and its end.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t, type Language } from "../core/i18n";
import { configOf, isMoved, lacking, PARTS, secretsOf, valuesOf, type Channel, type Values } from "../core/notify";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { NotificationRule } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Failure, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { ChannelFields, LanguageSelect, partName } from "./notify-channel-form";
import { logUrl } from "./notify-channels";
import { ChannelState, kindName } from "./notify-parts";
import { TestButton, TestResult, useTest } from "./notify-test";
import { Facts } from "./settings-parts";

function About({ of, rules }: { of: Channel; rules: NotificationRule[] }) {
  return (
    <Facts rows={[
      [t("settings.state"), <><ChannelState of={of} />
        {of.error !== null && <div class="notify-error"><Said of={of.error} />{" "}
          {of.failed_ms !== null && <span class="faint"><Time ms={of.failed_ms} /></span>}</div>}</>],
      [t("notifications.kind"), kindName(of.kind)],
      [t("notifications.target"), <Text of={of.target} />],
      [t("notifications.last"), of.delivered_ms === null ? t("settings.never") : <Time ms={of.delivered_ms} full />],
      [t("notifications.usedBy"), rules.length === 0 ? <span class="faint">{t("notifications.noRuleOf")}</span>
        : <ul class="tags">{rules.map((rule) => <li key={rule.id} class="tag"><Text of={rule.name} /></li>)}</ul>],
      [t("notifications.part.log"), <a href={logUrl({ channel: String(of.id) })}>{t("notifications.showLog")}</a>],
      [t("tokens.maker"), <><Text of={of.author} /> <span class="faint"><Time ms={of.created_ms} /></span></>],
    ]} />
  );
}

/** A secret that a channel can do without can be taken away. */
function Removable({ of, removed, onRemove }: { of: Channel; removed: string[]; onRemove: (names: string[]) => void }) {
  const parts = PARTS[of.kind].filter(({ name, secret, required }) => secret && !required && of.secrets.includes(name));
  return (
    <>
      {parts.map((part) => (
        <label key={part.name} class="check">
          <input type="checkbox" checked={removed.includes(part.name)} onChange={(event) => onRemove(event.currentTarget.checked
            ? [...removed, part.name] : removed.filter((one) => one !== part.name))} />
          {t("notifications.removeSecret", { name: partName(of.kind, part) })}
        </label>
      ))}
    </>
  );
}

function Edit({ of, onChange }: { of: Channel; onChange: () => void }) {
  const [name, setName] = useState(of.name);
  const [language, setLanguage] = useState<Language>(of.language);
  const [values, setValues] = useState<Values>(() => valuesOf(of));
  const [removed, setRemoved] = useState<string[]>([]);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const moved = isMoved(of, values);
  const kept = moved ? [] : of.secrets.filter((one) => !removed.includes(one));
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const secrets = secretsOf(of.kind, values, removed);
    api("PATCH /v1/notifications/channels/{id}", { path: { id: String(of.id) }, body: { name: name.trim(), language,
      config: configOf(of.kind, values), ...(Object.keys(secrets).length > 0 ? { secrets } : {}) } })
      .then(() => { done(t("settings.saved")); onChange(); }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save}>
      <Field label={t("settings.name")} name="name" value={name} onText={setName} required maxLength={100} autocomplete="off" />
      <ChannelFields kind={of.kind} values={values} kept={kept}
        onValue={(part, value) => setValues((old) => ({ ...old, [part]: value }))} />
      {moved && of.secrets.length > 0 && <p class="note">{t("notifications.moved")}</p>}
      {!moved && <Removable of={of} removed={removed} onRemove={setRemoved} />}
      <LanguageSelect value={language} onChoose={setLanguage} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button kind="primary" submit busy={busy} disabled={name.trim() === "" || lacking(of.kind, values, kept).length > 0}>
          {t("action.save")}</Button>
      </div>
    </form>
  );
}

function Plain({ of }: { of: Channel }) {
  const values = valuesOf(of);
  const rows = PARTS[of.kind].filter(({ name }) => values[name]).map((part) =>
    [partName(of.kind, part), <Text of={values[part.name]} />] as const);
  return <><Facts rows={rows} /><p class="note">{t("notifications.mayNot")}</p></>;
}

interface Props { of: Channel; rules: NotificationRule[]; onClose: () => void; onChange: () => void }

export function ChannelDrawer({ of, rules, onClose, onChange }: Props) {
  const [removing, setRemoving] = useState(false);
  const tested = useTest(onChange);
  const allowed = may("admin");
  return (
    <>
      <Dialog drawer title={<Text of={of.name} />} onClose={onClose}>
        <About of={of} rules={rules} />
        {allowed && (
          <section class="notify-try">
            <div><strong>{t("notifications.tryTitle")}</strong><p class="faint">{t("notifications.tryHelp")}</p></div>
            <TestButton channel={of} tested={tested} />
            <TestResult of={tested} />
          </section>
        )}
        {allowed ? <Edit key={of.updated_ms} of={of} onChange={onChange} /> : <Plain of={of} />}
        {allowed && (
          <section class="deeds">
            <div class="deed">
              <div><strong>{t("notifications.removeChannel")}</strong>
                <p class="faint">{t("notifications.removeChannelHelp")}</p></div>
              <Button kind="danger" onClick={() => setRemoving(true)}>{t("notifications.remove")}</Button>
            </div>
          </section>
        )}
      </Dialog>
      {removing && (
        <Confirm title={t("notifications.removeAsk", { name: visibleText(of.name) })} action={t("notifications.remove")}
          run={() => api("DELETE /v1/notifications/channels/{id}", { path: { id: String(of.id) } })}
          onClose={() => setRemoving(false)}
          onDone={() => { setRemoving(false); done(t("notifications.removed")); onChange(); onClose(); }}>
          <p>{t("notifications.removeChannelHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
