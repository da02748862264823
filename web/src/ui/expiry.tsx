// When something ends: the choice of it, and how it is shown.
import { useId, useState } from "preact/hooks";
import { ahead, endOf, endOfDay, type Span } from "../core/expiry";
import { t } from "../core/i18n";
import { exact, now, zoneName } from "../core/time";
import { Select } from "./field";
import { Time } from "./parts";
import "../styles/once.css";

type Choice = Span | "date" | "keep";

interface Props {
  label: string;
  spans: readonly Span[];
  first: Choice;
  /** null: never; undefined: as it is; NaN: not chosen yet. */
  onEnd: (ms: number | null | undefined) => void;
}

/** A span from now, or a day of one's own. */
export function ExpirySelect({ label, spans, first, onEnd }: Props) {
  const id = useId();
  const [choice, setChoice] = useState<Choice>(first);
  const [date, setDate] = useState("");
  const choices: Choice[] = [...(first === "keep" ? ["keep" as const] : []), ...spans, "date"];
  const choose = (value: Choice) => {
    setChoice(value);
    onEnd(value === "keep" ? undefined : value === "date" ? endOfDay(date) ?? NaN : endOf(value));
  };
  const setDay = (text: string) => {
    setDate(text);
    onEnd(endOfDay(text) ?? NaN);
  };
  return (
    <div class="field expiry">
      <Select<Choice> label={label} value={choice} onChoose={choose}
        choices={choices.map((value) => ({ value, label: t(`expiry.${value}`) }))} />
      {choice === "date" && (
        <>
          <label for={id} class="unseen-label">{t("expiry.day")}</label>
          <input id={id} type="date" required value={date} onInput={(event) => setDay(event.currentTarget.value)} />
        </>
      )}
    </div>
  );
}

/** "in 3 days", "3 days ago", "never". */
export function Expires({ ms }: { ms: number | null }) {
  if (ms === null) return <span class="faint">{t("expiry.never")}</span>;
  if (ms <= now.value) return <Time ms={ms} />;
  return <time dateTime={new Date(ms).toISOString()} title={`${exact(ms)} ${zoneName()}`}>{ahead(ms, now.value)}</time>;
}
