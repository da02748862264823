// A rule tried on what is kept: how many records of activity and alerts it matches, and which.
import { useState } from "preact/hooks";
import { fieldsOf, timeOf } from "../core/alert";
import { api } from "../core/api";
import type { Kind } from "../core/content";
import { number, t } from "../core/i18n";
import { useResource } from "../core/resource";
import type { DryRunResult } from "../generated/schemas";
import { Select } from "../ui/field";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";

const HOURS = ["1", "24", "168", "744"] as const;
type Hours = (typeof HOURS)[number];
type Sample = DryRunResult["samples"][number];

const SHOWN = ["evt.type", "fd.name", "dns.question.name", "fd.rip", "container.name", "user.name"];

function ofSample(sample: Sample): { time: number | null; command: string; more: Array<[string, string]> } {
  const record = sample.record as Record<string, unknown> | undefined;
  const fields = sample.over === "alerts" ? fieldsOf(record) : (record?.fields ?? {}) as Record<string, unknown>;
  const text = (name: string) =>
    typeof fields[name] === "string" || typeof fields[name] === "number" ? String(fields[name]) : "";
  const time = typeof record?.time_ms === "number" ? record.time_ms : timeOf(record);
  return { time, command: text("proc.cmdline") || text("proc.name"),
    more: SHOWN.map((name): [string, string] => [name, text(name)]).filter(([, value]) => value !== "") };
}

function SampleRow({ of }: { of: Sample }) {
  const { time, command, more } = ofSample(of);
  return (
    <li class="trial-sample">
      <div class="trial-head">
        <span class={`tag ${of.matched ? "good" : ""}`}>{t(of.matched ? "trial.matched" : "trial.undecided")}</span>
        <span class="faint">{t(of.over === "alerts" ? "trial.alert" : "trial.activity")}</span>
        {time !== null && <Time ms={time} />}
      </div>
      <Text of={command} mono />
      <div class="faint small">{more.map(([name, value]) =>
        <span key={name} class="trial-pair"><code>{name}</code>=<Text of={value} mono /></span>)}</div>
      <details>
        <summary>{t("trial.raw")}</summary><pre tabIndex={0}><Text of={JSON.stringify(of.record, null, 1)} /></pre>
      </details>
    </li>
  );
}

function Result({ of }: { of: DryRunResult }) {
  const looked = of.activity.looked_at + of.alerts.looked_at;
  const matched = of.activity.matched + of.alerts.matched;
  const undecided = of.activity.undecided + of.alerts.undecided;
  const tiles = [["matched", matched], ["undecided", undecided], ["not", of.activity.not + of.alerts.not]] as const;
  return (
    <div class="trial-result">
      <p role="status">{t("trial.result", { activity: of.activity.looked_at, alerts: of.alerts.looked_at, matched })}
        {!of.complete && <strong> {t("trial.incomplete")}</strong>}</p>
      {looked === 0 ? <p class="note">{t("trial.nothing")}</p> : (
        <dl class="tiles small">
          {tiles.map(([name, count]) =>
            <div key={name} class={`tile ${name}`}><dt>{t(`trial.${name}`)}</dt><dd>{number(count)}</dd></div>)}
        </dl>
      )}
      {of.missing.length > 0 && (
        <p class="faint">{t("trial.missing")}{" "}{of.missing.map((one) =>
          <span key={one.field} class="trial-pair"><code>{one.field}</code> ({number(one.records)})</span>)}</p>
      )}
      {of.samples.length > 0 && (
        <>
          <h2 class="sub">{t("trial.samples", { count: of.samples.length })}</h2>
          <ul class="trial-samples">{of.samples.map((sample, i) => <SampleRow key={i} of={sample} />)}</ul>
        </>
      )}
    </div>
  );
}

interface Props {
  kind: Kind;
  /** The rule, or the macro that is changed. */
  name: string | undefined;
  /** Undefined: as it is in force. */
  text?: string;
}

/** A macro is tried with one of the rules that use it. */
function useRules(kind: Kind, name: string | undefined): readonly string[] {
  const usage = useResource(`trial ${kind} ${name}`, async (signal) => kind === "rules" || name === undefined ? []
    : (await api("GET /v1/macros/{name}/usage", { path: { name }, signal })).rules);
  return kind === "rules" ? (name === undefined ? [] : [name]) : usage.data ?? [];
}

export function Trial({ kind, name, text }: Props) {
  const [hours, setHours] = useState<Hours>("24");
  const [chosen, setChosen] = useState("");
  const [result, setResult] = useState<DryRunResult>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const rules = useRules(kind, name);
  const rule = rules.includes(chosen) ? chosen : rules[0];
  const run = () => {
    setBusy(true);
    setError(undefined);
    api("POST /v1/content/dry-run", { body: { ...(text === undefined ? {} : { text }), ...(rule ? { rule } : {}),
      hours: Number(hours), samples: 50 } }).then(setResult, setError).finally(() => setBusy(false));
  };
  return (
    <div class="trial">
      <p class="faint">{t("trial.intro")}</p>
      <div class="selects">
        <Select<Hours> label={t("trial.over")} value={hours} onChoose={setHours}
          choices={HOURS.map((value) => ({ value, label: t(`trial.hours.${value}`) }))} />
        {kind === "macros" && rules.length > 0 && (
          <Select label={t("trial.rule")} value={rule ?? ""} onChoose={setChosen}
            choices={rules.map((value) => ({ value, label: value }))} />
        )}
        <Button onClick={run} busy={busy} disabled={!rule}>{t(busy ? "trial.running" : "trial.run")}</Button>
      </div>
      {!rule && <p class="note">{t(kind === "macros" ? "trial.noRuleOfMacro" : "trial.noRule")}</p>}
      {error !== undefined && <Failure error={error} />}
      {result && !error && <Result of={result} />}
    </div>
  );
}
