// What people do with a finding: status, assignee, exception, suppression, response.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource } from "../core/resource";
import { may, me } from "../core/session";
import type { Finding, Users } from "../generated/schemas";
import { ExceptionDialog } from "../ui/exception-dialog";
import { Select } from "../ui/field";
import { Menu } from "../ui/menu";
import { Button, StatusMark, type Status } from "../ui/parts";
import { SuppressDialog } from "../ui/suppress-dialog";
import { done, failed } from "../ui/toasts";
import type { FindingProps } from "./finding-body";
import { actionsOf, RespondDialog, type Action } from "./finding-respond";

type Change = { status: Status } | { assignee: string | null };

function useChange({ of, finding, onChange }: FindingProps & { of: Finding }): [boolean, (body: Change) => void] {
  const [busy, setBusy] = useState(false);
  const change = (body: Change) => {
    setBusy(true);
    const what = "status" in body ? t(`status.${body.status}`) : body.assignee ?? t("finding.nobody");
    api("PATCH /v1/findings/{id}", { path: { id: of.id }, body: { ...body, version: of.version } }).then((to) => {
      finding.change((old) => ({ ...old, ...to }));
      done(t("finding.saved", { what }));
      onChange();
    }, (error: unknown) => { failed(error); finding.reload(); }).finally(() => setBusy(false));
  };
  return [busy, change];
}

function Assignee({ of, disabled, change }: { of: Finding; disabled: boolean; change: (body: Change) => void }) {
  const users = useResource<Users | undefined>("users", (signal) => api("GET /v1/users", { query: { limit: 100 }, signal }));
  const names = [...new Set([of.assignee ?? "", me.value?.kind === "user" ? me.value.name : "",
    ...(users.data?.items ?? []).map((user) => user.name)])].filter(Boolean);
  return (
    <Select label={t("finding.assignee")} value={of.assignee ?? ""} disabled={disabled}
      onChoose={(value) => change({ assignee: value === "" ? null : value })}
      choices={[{ value: "", label: t("finding.nobody") }, ...names.map((name) => ({ value: name, label: name }))]} />
  );
}

function StatusButtons({ of, busy, change }: { of: Finding; busy: boolean; change: (body: Change) => void }) {
  return (
    <>
      {of.status !== "acknowledged" && (
        <Button kind={of.status === "new" ? "primary" : "plain"} busy={busy}
          onClick={() => change({ status: "acknowledged" })}>{t("finding.acknowledge")}</Button>
      )}
      {of.status !== "archived" && (
        <Button busy={busy} onClick={() => change({ status: "archived" })}>{t("finding.archive")}</Button>
      )}
      {of.status !== "new" && <Button busy={busy} onClick={() => change({ status: "new" })}>{t("finding.reopen")}</Button>}
    </>
  );
}

type Open = { kind: "exception" } | { kind: "suppress" } | { kind: "respond"; action: Action };

function Actions({ of, onOpen }: { of: Finding; onOpen: (open: Open) => void }) {
  const actions = actionsOf(of);
  return (
    <div class="triage actions">
      {may("triage") && !of.sequence && (
        <Button kind="quiet" onClick={() => onOpen({ kind: "exception" })}>{t("finding.exc.open")}</Button>
      )}
      {may("triage") && <Button kind="quiet" onClick={() => onOpen({ kind: "suppress" })}>{t("finding.sup.open")}</Button>}
      {may("respond") && actions.length > 0 && (
        <Menu<Action> label={t("finding.resp.menu")} button={<>{t("finding.resp.open")} <span aria-hidden="true">▾</span></>}
          choices={actions.map((value) => ({ value, label: t(`finding.resp.${value}`) }))}
          onChoose={(action) => onOpen({ kind: "respond", action })} />
      )}
    </div>
  );
}

export function Triage(props: FindingProps & { of: Finding }) {
  const { of, finding, onChange } = props;
  const allowed = may("triage");
  const [busy, change] = useChange(props);
  const [open, setOpen] = useState<Open>();
  useKeys(allowed ? [{
    key: "e", label: t("keys.archive"), run: () => change({ status: of.status === "archived" ? "new" : "archived" }),
  }] : []);
  const close = () => setOpen(undefined);
  const saved = () => { finding.reload(); onChange(); };
  return (
    <>
      <div class="triage">
        <StatusMark status={of.status} />
        {allowed && <StatusButtons of={of} busy={busy} change={change} />}
        <Assignee of={of} disabled={!allowed || busy} change={change} />
      </div>
      <Actions of={of} onOpen={setOpen} />
      {!allowed && <p class="faint">{t("finding.readOnly")}</p>}
      {open?.kind === "exception" && <ExceptionDialog rule={of.rule} finding={of.id} onClose={close} onSaved={saved} />}
      {open?.kind === "suppress" && <SuppressDialog of={of} onClose={close} onSaved={() => { close(); saved(); }} />}
      {open?.kind === "respond" && <RespondDialog of={of} action={open.action} onClose={close} onDone={saved} />}
    </>
  );
}
