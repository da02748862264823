// A suppression rule from a finding: a filter of what is alike, how many findings it holds for, why, and until when.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { quote } from "../core/filter";
import { endOf, type Span } from "../core/expiry";
import { t, type Key } from "../core/i18n";
import { useResource, type Resource } from "../core/resource";
import { visibleText } from "../core/visible";
import type { Finding, Findings } from "../generated/schemas";
import { Dialog } from "./dialog";
import { ExpirySelect } from "./expiry";
import { Field } from "./field";
import { useRested } from "./later";
import { Button, Failure, Severity } from "./parts";
import { Text } from "./text";
import { done } from "./toasts";

const SHOWN = 3;

const SPANS: readonly Span[] = ["1d", "7d", "30d", "90d", "1y", "never"];

interface Part { field: string; label: Key; value: string; on: boolean }

function partsOf(f: Finding): Part[] {
  const all: Array<[string, Key, string | null, boolean]> = [
    ["rule", "fact.rule", f.rule, true], ["container.image", "fact.image", f.image, true],
    ["proc.name", "fact.process", f.proc_name, true], ["proc.cmdline", "finding.command", f.proc_cmdline, false],
    ["file", "finding.file", f.file, false], ["domain", "finding.domain", f.domain, false],
    ["container.name", "fact.container", f.container_name, false], ["ecs.task.family", "fact.definition", f.task_family, false],
    ["ecs.cluster", "fact.cluster", f.cluster, false], ["user.name", "fact.user", f.user_name, false],
    ["host", "fact.host", f.host, f.image === null],
  ];
  return all.flatMap(([field, label, value, on]) => value === null ? [] : [{ field, label, value, on }]);
}

function filterOf(parts: Part[]): string {
  return parts.filter((part) => part.on).map((part) => `${part.field} = ${quote(part.value)}`).join(" and ");
}

function Parts({ parts, onParts }: { parts: Part[]; onParts: (parts: Part[]) => void }) {
  return (
    <fieldset class="conditions">
      <legend>{t("finding.sup.parts")}</legend>
      <ul>
        {parts.map((part) => (
          <li key={part.field} class={part.on ? "condition" : "condition off"}>
            <label class="check">
              <input type="checkbox" checked={part.on} onChange={(event) => onParts(parts.map((old) =>
                old.field === part.field ? { ...old, on: event.currentTarget.checked } : old))} />
              <span>{t(part.label)}</span> <Text of={part.value} mono />
            </label>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}

function Preview({ of, waiting }: { of: Resource<Findings | undefined>; waiting: boolean }) {
  return (
    <section class={waiting ? "exception-effect asking" : "exception-effect"}
      aria-busy={waiting} aria-label={t("finding.exc.preview")}>
      <h3>{t("finding.exc.preview")}</h3>
      {of.error !== undefined && !waiting ? <Failure error={of.error} />
        : of.data === undefined ? <p class="faint">{t("finding.exc.counting")}</p> : (
          <>
            <p class="headline" role="status"><strong>{t("finding.sup.count", { count: of.data.total })}</strong></p>
            <ul class="exception-samples">
              {of.data.items.map((row) => (
                <li key={row.id}><Severity band={row.band} score={row.severity} /> <Text of={row.title} /></li>
              ))}
            </ul>
          </>
        )}
    </section>
  );
}

export function SuppressDialog({ of, onClose, onSaved }: { of: Finding; onClose: () => void; onSaved: () => void }) {
  const [parts, setParts] = useState(() => partsOf(of));
  const [filter, setFilter] = useState(() => filterOf(partsOf(of)));
  const [name, setName] = useState(() => visibleText(of.title).slice(0, 60));
  const [reason, setReason] = useState("");
  const [existing, setExisting] = useState(true);
  const [end, setEnd] = useState<number | null | undefined>(() => endOf("30d"));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [asked, rested] = useRested(filter, filter);
  const preview = useResource<Findings | undefined>(asked, async (signal) => asked.trim() === "" ? undefined
    : api("GET /v1/findings", { query: { filter: asked, from: "-7d", limit: SHOWN }, signal }));
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = { name: name.trim(), filter, reason: reason.trim(), existing, expires_ms: end ?? null };
    api("POST /v1/suppressions", { body }).then((made) => {
      done(t("finding.sup.saved", { count: made.changed }));
      onSaved();
    }, setError).finally(() => setBusy(false));
  };
  const ready = !Number.isNaN(end) && name.trim() !== "" && reason.trim() !== "" && filter.trim() !== "";
  return (
    <Dialog title={t("finding.sup.title")} onClose={onClose}>
      <form class="form exception" onSubmit={submit}>
        <p>{t("finding.sup.intro")}</p>
        <Parts parts={parts} onParts={(to) => { setParts(to); setFilter(filterOf(to)); }} />
        <Field label={t("findings.filter")} name="filter" value={filter} onText={setFilter} rows={3} maxLength={65536}
          help={t("finding.sup.filterHelp")} />
        <Preview of={preview} waiting={!rested || preview.loading} />
        <Field label={t("finding.sup.name")} name="name" value={name} onText={setName} required maxLength={100} />
        <Field label={t("finding.reason")} name="reason" value={reason} onText={setReason} rows={2} required maxLength={1000} />
        <ExpirySelect label={t("finding.expires")} spans={SPANS} first="30d" onEnd={setEnd} />
        <label class="check">
          <input type="checkbox" checked={existing} onChange={(event) => setExisting(event.currentTarget.checked)} />
          <span>{t("finding.sup.existing")}</span>
        </label>
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!ready}>{t("finding.sup.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
