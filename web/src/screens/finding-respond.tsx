// What can be done to what a finding is about: said before, asked for with a reason, and shown with its result.
import { useEffect, useState } from "preact/hooks";
import { lineageOf } from "../core/alert";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource, type Resource } from "../core/resource";
import type { Finding, Respond, Responses } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Button, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";

export type Action = Respond["action"];
type Response = Responses["items"][number];

const AGAIN_MS = 1000;

function pidOf(f: Finding): number | null {
  return lineageOf(f.last_alert).at(-1)?.pid ?? f.proc_pid;
}

/** Those that make sense for it: a host without a container is not stopped. */
export function actionsOf(f: Finding): Action[] {
  const kill: Action[] = pidOf(f) !== null ? ["kill"] : [];
  const container: Action[] = f.container_id ? ["stop", "pause"] : [];
  const capture: Action[] = f.agent.startsWith("falco:") ? [] : ["capture"];
  if (f.sequence || f.agent.startsWith("falco:")) return f.task_arn ? ["stop_task"] : [];
  return [...kill, ...container, ...capture, ...(f.task_arn ? ["stop_task" as const] : [])];
}

function targetOf(f: Finding, action: Action): string {
  if (action === "kill") return `${f.proc_name ?? ""} (${t("finding.pid", { pid: String(pidOf(f)) })})`;
  if (action === "stop_task") return f.task_arn ?? "";
  return f.container_name ?? f.container_id ?? f.host ?? f.agent;
}

function isOver(response: Response): boolean {
  return response.state === "done" || response.state === "failed" || response.state === "expired";
}

export function useResponses(of: Finding, only?: number): Resource<Responses> {
  const responses = useResource<Responses>(`responses ${of.id} ${of.version} ${only}`, (signal) =>
    api("GET /v1/findings/{id}/responses", { path: { id: of.id }, signal }));
  useEffect(() => {
    const waits = responses.data?.items.some((one) => !isOver(one) && (only === undefined || one.id === only));
    if (!waits) return undefined;
    const timer = window.setTimeout(responses.reload, AGAIN_MS);
    return () => window.clearTimeout(timer);
  }, [responses.data]);
  return responses;
}

export function ResponseRow({ of }: { of: Response }) {
  return (
    <li class={`finding-response ${of.state}`}>
      <div>
        <strong>{t(`finding.resp.${of.action}`)}</strong>{" "}
        <span class={`state ${of.state}`}>{t(`finding.resp.state.${of.state}`)}</span>{" "}
        <span class="faint"><Text of={of.author} /> · <Time ms={of.created_ms} full /></span>
      </div>
      <div class="faint"><Text of={of.target} mono /></div>
      <div><Text of={of.reason} /></div>
      {of.result && <p class="note"><Text of={of.result} /></p>}
    </li>
  );
}

function Result({ of, id, onClose }: { of: Finding; id: number; onClose: () => void }) {
  const responses = useResponses(of, id);
  const found = responses.data?.items.find((one) => one.id === id);
  return (
    <>
      {responses.error !== undefined && !found ? <Failure error={responses.error} retry={responses.reload} />
        : found ? <ul class="finding-responses" role="status"><ResponseRow of={found} /></ul> : <Loading />}
      <p class="faint">{t(found && isOver(found) ? "finding.resp.over" : "finding.resp.waits")}</p>
      <div class="buttons"><Button kind="primary" onClick={onClose}>{t("action.close")}</Button></div>
    </>
  );
}

interface Props { of: Finding; action: Action; onClose: () => void; onDone: () => void }

export function RespondDialog({ of, action, onClose, onDone }: Props) {
  const [reason, setReason] = useState("");
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [id, setId] = useState<number>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/findings/{id}/respond", { path: { id: of.id }, body: { action, reason: reason.trim() } })
      .then((made) => { setId(made.id); onDone(); }, setError)
      .finally(() => setBusy(false));
  };
  return (
    <Dialog title={t(`finding.resp.${action}`)} onClose={onClose}>
      {id !== undefined ? <Result of={of} id={id} onClose={onClose} /> : (
        <form class="form" onSubmit={submit}>
          <p>{t(`finding.resp.${action}.help`)}</p>
          <p class="note">
            <span class="faint">{t("finding.resp.target")}</span> <strong><Text of={targetOf(of, action)} mono /></strong>
          </p>
          <Field label={t("finding.reason")} name="reason" value={reason} onText={setReason} rows={2} required
            maxLength={1000} help={t("finding.resp.reasonHelp")} />
          {action !== "capture" && (
            <label class="check">
              <input type="checkbox" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} />
              <span>{t("finding.resp.sure")}</span>
            </label>
          )}
          {error !== undefined && <Failure error={error} />}
          <div class="buttons">
            <Button onClick={onClose}>{t("action.cancel")}</Button>
            <Button kind={action === "capture" ? "primary" : "danger"} submit busy={busy}
              disabled={reason.trim() === "" || (action !== "capture" && !sure)}>{t(`finding.resp.${action}`)}</Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
