// The form of a channel: of what kind it is, and what that kind needs.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { isKey, t, type Key, type Language } from "../core/i18n";
import { configOf, KINDS, lacking, PARTS, secretsOf, type Kind, type Part, type Values } from "../core/notify";
import { go, urlWith } from "../core/router";
import { Dialog } from "../ui/dialog";
import { Field, Select } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { done } from "../ui/toasts";
import { KindMark, kindName } from "./notify-parts";

export function partName(kind: Kind, { name }: Part): string {
  const own = `notifications.field.${kind}.${name}`;
  const key = isKey(own) ? own : `notifications.field.${name}`;
  return t(key as Key & "settings.name");
}

function helpOf(kind: Kind, { name, example }: Part): string | undefined {
  const own = `notifications.help.${kind}.${name}`;
  const key = isKey(own) ? own : `notifications.help.${name}`;
  const text = isKey(key) ? t(key as Key & "settings.name") : "";
  const like = example ? t("notifications.example", { example }) : "";
  return [text, like].filter(Boolean).join(" ") || undefined;
}

/** On a line of its own. */
const WHOLE: ReadonlySet<string> = new Set(["to", "url", "secret", "topic_arn", "ca", "authorization", "endpoint"]);
const SECURITIES = ["tls", "starttls", "none"] as const;

interface PartProps {
  kind: Kind;
  part: Part;
  values: Values;
  onValue: (name: string, value: string) => void;
  /** A secret that is set already, and stays when nothing is written. */
  kept?: boolean;
}

function PartField({ kind, part, values, onValue, kept }: PartProps) {
  const value = values[part.name] ?? "";
  const label = partName(kind, part) + (part.required ? "" : ` ${t("notifications.optional")}`);
  const onText = (text: string) => onValue(part.name, text);
  if (part.kind === "security") {
    return (
      <div class="field">
        <Select label={partName(kind, part)} value={SECURITIES.find((one) => one === value) ?? "tls"}
          onChoose={(one) => onText(one === "tls" ? "" : one)}
          choices={SECURITIES.map((one) => ({ value: one, label: t(`notifications.security.${one}`) }))} />
        {value === "none" && <p class="fault">{t("notifications.security.noneHelp")}</p>}
      </div>
    );
  }
  return (
    <Field label={label} name={part.name} value={value} onText={onText} autocomplete={part.secret ? "new-password" : "off"}
      {...(part.kind === "list" ? { rows: 2 } : part.kind === "pem" ? { rows: 4 } : {})}
      type={part.secret && part.name !== "url" ? "password" : "text"} maxLength={2048}
      {...(part.kind === "number" ? { inputMode: "numeric" } : {})}
      help={kept ? t("notifications.kept") : helpOf(kind, part)} />
  );
}

interface Props {
  kind: Kind;
  values: Values;
  onValue: (name: string, value: string) => void;
  /** Names of secrets that are set. */
  kept?: readonly string[];
}

/** What is rarely needed is folded away, unless it is set. */
export function ChannelFields({ kind, values, onValue, kept = [] }: Props) {
  const field = (part: Part) => (
    <div key={part.name} class={WHOLE.has(part.name) ? "whole" : ""}>
      <PartField kind={kind} part={part} values={values} onValue={onValue} kept={kept.includes(part.name)} />
    </div>
  );
  const rare = PARTS[kind].filter((part) => part.rare);
  const [open] = useState(() => rare.some(({ name }) => values[name] || kept.includes(name)));
  return (
    <div class="notify-fields">
      {PARTS[kind].filter((part) => !part.rare).map(field)}
      {rare.length > 0 && (
        <details class="notify-rare" open={open}><summary>{t("notifications.rare")}</summary>{rare.map(field)}</details>
      )}
    </div>
  );
}

export function LanguageSelect({ value, onChoose }: { value: Language; onChoose: (value: Language) => void }) {
  return (
    <div class="field">
      <Select<Language> label={t("notifications.messageLanguage")} value={value} onChoose={onChoose}
        choices={[{ value: "en", label: "English" }, { value: "ja", label: "日本語" }]} />
    </div>
  );
}

function KindChoice({ chosen, onChoose }: { chosen: Kind; onChoose: (kind: Kind) => void }) {
  return (
    <fieldset class="notify-kinds">
      <legend>{t("notifications.kind")}</legend>
      {KINDS.map((kind) => (
        <label key={kind} class="choice">
          <input type="radio" name="kind" value={kind} checked={kind === chosen} onChange={() => onChoose(kind)} />
          <KindMark of={kind} /><span><strong>{kindName(kind)}</strong>
            <span class="faint">{t(`notifications.kindHelp.${kind}`)}</span></span>
        </label>
      ))}
    </fieldset>
  );
}

export function NewChannel({ onClose, onChange }: { onClose: () => void; onChange: () => void }) {
  const [kind, setKind] = useState<Kind>("email");
  const [name, setName] = useState("");
  const [language, setLanguage] = useState<Language>("en");
  const [values, setValues] = useState<Values>({});
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/notifications/channels",
      { body: { name: name.trim(), kind, language, config: configOf(kind, values), secrets: secretsOf(kind, values) } })
      .then((made) => {
        done(t("notifications.madeChannel"));
        onChange();
        onClose();
        go(urlWith({ part: undefined, open: String(made.id) }));
      }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog firm wide title={t("notifications.newChannel")} onClose={onClose}>
      <form class="form notify-form" onSubmit={save}>
        <KindChoice chosen={kind} onChoose={setKind} />
        <div>
          <Field label={t("settings.name")} name="name" value={name} onText={setName} required maxLength={100} autocomplete="off"
            help={t("notifications.nameHelp")} />
          <ChannelFields key={kind} kind={kind} values={values}
            onValue={(part, value) => setValues((old) => ({ ...old, [part]: value }))} />
          <LanguageSelect value={language} onChoose={setLanguage} />
          {error !== undefined && <Failure error={error} />}
          <div class="buttons">
            <Button onClick={onClose}>{t("action.cancel")}</Button>
            <Button kind="primary" submit busy={busy} disabled={name.trim() === "" || lacking(kind, values).length > 0}>
              {t("notifications.makeChannel")}
            </Button>
          </div>
        </div>
      </form>
    </Dialog>
  );
}
