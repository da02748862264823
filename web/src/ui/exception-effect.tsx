// What an exception would have hidden, in numbers and examples.
import { number, t } from "../core/i18n";
import type { Resource } from "../core/resource";
import type { ExceptionEffect } from "../generated/schemas";
import { Failure, Time } from "./parts";
import { Text } from "./text";

interface Props {
  of: Resource<ExceptionEffect | undefined>;
  /** What is shown is of an older choice. */
  waiting: boolean;
  none: boolean;
  days: number;
}

function Undecided({ of }: { of: ExceptionEffect }) {
  if (of.undecided === 0) return null;
  return (
    <p>{t("finding.exc.undecided", { count: of.undecided })}{" "}
      <span class="mono">{of.missing.map((one) => one.field).join(", ")}</span></p>
  );
}

function Samples({ of }: { of: ExceptionEffect }) {
  if (of.samples.length === 0) return null;
  return (
    <details>
      <summary>{t("finding.exc.samples", { count: of.samples.length })}</summary>
      <ul class="exception-samples">
        {of.samples.map((one) => <li key={one.id}><Time ms={one.time_ms} full /><div><Text of={one.output} /></div></li>)}
      </ul>
    </details>
  );
}

function Numbers({ of, days }: { of: ExceptionEffect; days: number }) {
  const all = of.alerts > 0 && of.hidden === of.alerts;
  return (
    <>
      <p class="headline" role="status">
        <strong>{t("finding.exc.hidden", { hidden: number(of.hidden), all: number(of.alerts), days })}</strong>
      </p>
      <meter min={0} max={Math.max(1, of.alerts)} value={of.hidden} aria-label={t("finding.exc.meter")} />
      {all && <p class="fault">{t("finding.exc.everything")}</p>}
      {of.hidden === 0 && of.undecided === 0 && <p class="fault">{t("finding.exc.nothing")}</p>}
      <Undecided of={of} />
      {!of.complete && <p>{t("finding.exc.incomplete")}</p>}
      {of.condition && (
        <p><span class="faint">{t("finding.exc.condition")}</span> <code><Text of={`not (${of.condition})`} mono /></code></p>
      )}
      <Samples of={of} />
    </>
  );
}

export function Effect({ of, waiting, none, days }: Props) {
  return (
    <section class={waiting ? "exception-effect asking" : "exception-effect"}
      aria-label={t("finding.exc.preview")} aria-busy={waiting}>
      <h3>{t("finding.exc.preview")}</h3>
      {none ? <p class="faint">{t("finding.exc.none")}</p>
        : of.error !== undefined && !waiting ? <Failure error={of.error} retry={of.reload} />
          : of.data ? <Numbers of={of.data} days={days} /> : <p class="faint">{t("finding.exc.counting")}</p>}
    </section>
  );
}
