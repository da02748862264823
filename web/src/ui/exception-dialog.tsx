// An exception of a rule, made of fields that all have to hold; what it would have hidden is shown before it is saved.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { endOf, type Span } from "../core/expiry";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import type { ExceptionEffect } from "../generated/schemas";
import { Rollout } from "../screens/rollout";
import { Dialog } from "./dialog";
import { Conditions, fieldsOf, type Row } from "./exception-fields";
import { Effect } from "./exception-effect";
import { ExpirySelect } from "./expiry";
import { Field } from "./field";
import { useRested } from "./later";
import { Button, Failure, Loading } from "./parts";
import { Text } from "./text";

const SPANS: readonly Span[] = ["1d", "7d", "30d", "90d", "1y", "never"];

interface Props {
  rule: string;
  /** Its newest alert proposes the fields. */
  finding?: string;
  onClose: () => void;
  onSaved: () => void;
}

export const DAYS = 7;

function useProposed(of: { finding: string } | { rule: string }): [Row[] | undefined, (rows: Row[]) => void, unknown] {
  const [rows, setRows] = useState<Row[]>();
  const first = useResource<ExceptionEffect>("proposed", (signal) => api("POST /v1/exceptions/preview", { body: of, signal }));
  useEffect(() => {
    if (!first.data || rows) return;
    setRows(first.data.proposed.map((one, id) => ({ ...one, id, op: "=", on: one.usual, own: false })));
  }, [first.data]);
  return [rows, setRows, first.error];
}

function Saved({ version, onClose }: { version: number; onClose: () => void }) {
  return (
    <div role="status">
      <p><strong>{t("finding.exc.saved")}</strong></p>
      <Rollout version={version} />
      <p class="faint">{t("finding.exc.savedHelp")}</p>
      <div class="buttons"><Button kind="primary" onClick={onClose}>{t("action.close")}</Button></div>
    </div>
  );
}

function Form({ rows, onRows, ...props }: Props & { rows: Row[]; onRows: (rows: Row[]) => void }) {
  const of = props.finding === undefined ? { rule: props.rule } : { finding: props.finding };
  const [reason, setReason] = useState("");
  const [end, setEnd] = useState<number | null | undefined>(() => endOf("30d"));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [version, setVersion] = useState<number>();
  const wanted = fieldsOf(rows);
  const [fields, rested] = useRested(wanted, JSON.stringify(wanted));
  const effect = useResource<ExceptionEffect | undefined>(JSON.stringify(fields), async (signal) => fields.length === 0
    ? undefined : api("POST /v1/exceptions/preview", { body: { ...of, fields, days: DAYS }, signal }));
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = { ...of, fields: wanted, reason: reason.trim(), expires_ms: end ?? null };
    api("POST /v1/exceptions", { body }).then((made) => { setVersion(made.version); props.onSaved(); }, setError)
      .finally(() => setBusy(false));
  };
  if (version !== undefined) return <Saved version={version} onClose={props.onClose} />;
  return (
    <form class="form exception" onSubmit={submit}>
      <p>{t("finding.exc.intro")} <strong><Text of={props.rule} /></strong></p>
      <Conditions rows={rows} onRows={onRows} />
      <Effect of={effect} waiting={!rested || effect.loading} none={fields.length === 0} days={DAYS} />
      <Field label={t("finding.reason")} name="reason" value={reason} onText={setReason} rows={2} required maxLength={1000}
        help={t("finding.exc.reasonHelp")} />
      <ExpirySelect label={t("finding.expires")} spans={SPANS} first="30d" onEnd={setEnd} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button onClick={props.onClose}>{t("action.cancel")}</Button>
        <Button kind="primary" submit busy={busy} disabled={wanted.length === 0 || Number.isNaN(end) || reason.trim() === ""}>
          {t("finding.exc.save")}
        </Button>
      </div>
    </form>
  );
}

export function ExceptionDialog(props: Props) {
  const [rows, setRows, error] = useProposed(props.finding === undefined ? { rule: props.rule } : { finding: props.finding });
  return (
    <Dialog title={t("finding.exc.title")} onClose={props.onClose}>
      {error !== undefined ? <Failure error={error} />
        : rows ? <Form {...props} rows={rows} onRows={setRows} /> : <Loading />}
    </Dialog>
  );
}
