// What is done to many findings at once: those that were ticked, or all that the list has.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { queryOf, type FindingsView } from "../core/findings-view";
import { number, t } from "../core/i18n";
import { Problem } from "../core/problem";
import { useResource } from "../core/resource";
import { me } from "../core/session";
import type { FindingsBulk, Users } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Button, type Status } from "../ui/parts";
import { Menu } from "../ui/menu";
import { done, failed } from "../ui/toasts";

/** As many as the server takes at once. */
const IDS_MOST = 500;
export const ALL_MOST = 100_000;

type What = { status: Status } | { assignee: string | null };
type Choice = { all: boolean; ids: ReadonlySet<string> };

async function apply(choice: Choice, what: What, view: FindingsView, total: number): Promise<number> {
  if (choice.all) {
    const { filter, text, from, to } = queryOf(view);
    const times = { ...(from ? { from } : {}), ...(to ? { to } : {}) };
    const body: FindingsBulk = { ...what, filter, text, ...times, expected: total };
    return (await api("POST /v1/findings/bulk", { body })).changed;
  }
  const ids = [...choice.ids];
  let changed = 0;
  for (let at = 0; at < ids.length; at += IDS_MOST) {
    changed += (await api("POST /v1/findings/bulk", { body: { ids: ids.slice(at, at + IDS_MOST), ...what } })).changed;
  }
  return changed;
}

function told(what: What): string {
  return "status" in what ? t(`status.${what.status}`) : what.assignee ?? t("finding.nobody");
}

function Sure({ what, count, onYes, onNo }: { what: What; count: number; onYes: () => void; onNo: () => void }) {
  return (
    <Dialog title={t("findings.bulkSure", { count })} onClose={onNo}>
      <p>{t("findings.bulkSureText", { count, what: told(what) })}</p>
      <div class="buttons">
        <Button onClick={onNo}>{t("action.cancel")}</Button>
        <Button kind="primary" onClick={onYes}>{t("findings.bulkDo")}</Button>
      </div>
    </Dialog>
  );
}

function Assign({ busy, onChoose }: { busy: boolean; onChoose: (what: What) => void }) {
  const users = useResource<Users | undefined>("users", (signal) => api("GET /v1/users", { query: { limit: 100 }, signal }));
  const names = [...new Set([me.value?.name ?? "", ...(users.data?.items ?? []).map((user) => user.name)])].filter(Boolean);
  return busy ? null : (
    <Menu<string> label={t("findings.bulkAssign")} button={t("findings.bulkAssign")}
      choices={[{ value: "", label: t("finding.nobody") }, ...names.map((name) => ({ value: name, label: name }))]}
      onChoose={(name) => onChoose({ assignee: name || null })} />
  );
}

interface Props {
  choice: Choice;
  view: FindingsView;
  total: number;
  onAll: () => void;
  onNone: () => void;
  onDone: () => void;
}

export function BulkBar({ choice, view, total, onAll, onNone, onDone }: Props) {
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState<What | null>(null);
  const count = choice.all ? total : choice.ids.size;
  const run = (what: What) => {
    setAsked(null);
    setBusy(true);
    apply(choice, what, view, total).then((changed) => {
      done(t("findings.bulkDone", { count: changed, what: told(what) }));
      onDone();
    }, (error: unknown) => {
      failed(error);
      if (error instanceof Problem && error.code === "count_changed") onDone();
    }).finally(() => setBusy(false));
  };
  const want = (what: What) => { if (choice.all) setAsked(what); else run(what); };
  return (
    <div class="bulk" role="region" aria-label={t("findings.bulk")}>
      <strong role="status">{t("findings.chosenCount", { count })}</strong>
      {!choice.all && total > count && (total <= ALL_MOST
        ? <Button kind="quiet" onClick={onAll}>{t("findings.chooseAll", { count: total })}</Button>
        : <span class="faint">{t("findings.tooMany", { count: number(ALL_MOST) })}</span>)}
      <span class="space" />
      {(["acknowledged", "archived", "new"] as const).map((status) => (
        <Button key={status} busy={busy} onClick={() => want({ status })}>
          {t(status === "acknowledged" ? "finding.acknowledge" : status === "archived" ? "finding.archive" : "finding.reopen")}
        </Button>
      ))}
      <Assign busy={busy} onChoose={want} />
      <Button kind="quiet" onClick={onNone}>{t("findings.chooseNone")}</Button>
      {asked && <Sure what={asked} count={count} onYes={() => run(asked)} onNo={() => setAsked(null)} />}
    </div>
  );
}
