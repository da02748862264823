// A new enrolment token: where its agents belong, how many may come; then the command to run, once.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { endOf, type Span } from "../core/expiry";
import { t } from "../core/i18n";
import { parseLabels } from "../core/labels";
import { visibleText } from "../core/visible";
import type { EnrolmentMade, EnrolmentNew } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { ExpirySelect } from "../ui/expiry";
import { Field, Select } from "../ui/field";
import { Once } from "../ui/once";
import { Button, Failure } from "../ui/parts";

const SPANS: readonly Span[] = ["1h", "1d", "7d", "30d", "90d", "1y"];
const FIRST: Span = "1d";
const FORGET = { never: 0, "10m": 600, "1h": 3600, "1d": 86_400, "7d": 7 * 86_400 } as const;
type Forget = keyof typeof FORGET;
const MOST = 100_000;

function Made({ made, onClose }: { made: EnrolmentMade; onClose: () => void }) {
  return (
    <Dialog firm title={t("enrolments.made", { name: visibleText(made.name) })} onClose={onClose}>
      <Once intro={t("tokens.once")} onClose={onClose} secrets={[
        { label: t("enrolments.command"), text: made.command, help: t("enrolments.commandHelp") },
        { label: t("tokens.token"), text: made.token, help: t("enrolments.tokenHelp") },
        ...(made.ca_sha256 ? [{ label: t("enrolments.ca"), text: made.ca_sha256 }] : []),
      ]} />
    </Dialog>
  );
}

interface Wish { name: string; cluster: string; labels: string; count: string; forget: Forget }

/** null: something of it is not as it should be. */
function bodyOf(wish: Wish, end: number | null | undefined): EnrolmentNew | null {
  const { labels, wrong } = parseLabels(wish.labels);
  const count = Number(wish.count);
  const good = wish.name.trim() !== "" && wrong === undefined && /^\d+$/.test(wish.count) && count <= MOST &&
    typeof end === "number" && !Number.isNaN(end);
  return good ? { name: wish.name.trim(), cluster: wish.cluster.trim(), labels, max_uses: count, expires_ms: end,
    forget_after_s: FORGET[wish.forget] } : null;
}

export function NewEnrolment({ onClose, onChange }: { onClose: () => void; onChange: () => void }) {
  const [wish, setWish] = useState<Wish>({ name: "", cluster: "", labels: "", count: "1", forget: "never" });
  const [end, setEnd] = useState<number | null | undefined>(() => endOf(FIRST));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<EnrolmentMade>();
  const set = (change: Partial<Wish>) => setWish((old) => ({ ...old, ...change }));
  const body = bodyOf(wish, end);
  const { wrong } = parseLabels(wish.labels);
  const submit = (event: Event) => {
    event.preventDefault();
    if (!body) return;
    setBusy(true);
    setError(undefined);
    api("POST /v1/enrolments", { body }).then((answer) => { setMade(answer); onChange(); },
      (e: unknown) => { setError(e); setBusy(false); });
  };
  if (made) return <Made made={made} onClose={onClose} />;
  return (
    <Dialog firm title={t("enrolments.new")} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field label={t("settings.name")} name="name" value={wish.name} onText={(name) => set({ name })} required maxLength={64}
          autocomplete="off" help={t("enrolments.nameHelp")} />
        <Field label={t("fact.cluster")} name="cluster" value={wish.cluster} onText={(cluster) => set({ cluster })}
          maxLength={128} autocomplete="off" help={t("enrolments.clusterHelp")} />
        <Field label={t("enrolments.labels")} name="labels" value={wish.labels} onText={(labels) => set({ labels })} rows={2}
          help={t("enrolments.labelsHelp")}
          fault={wrong === undefined ? undefined : t("enrolments.labelsFault", { line: wrong })} />
        <Field label={t("enrolments.count")} name="count" value={wish.count} onText={(count) => set({ count })} required
          maxLength={6} inputMode="numeric" autocomplete="off" help={t("enrolments.countHelp")}
          fault={/^\d+$/.test(wish.count) && Number(wish.count) <= MOST ? undefined : t("enrolments.countFault")} />
        <ExpirySelect label={t("settings.expires")} spans={SPANS} first={FIRST} onEnd={setEnd} />
        <div class="field expiry">
          <Select<Forget> label={t("enrolments.forget")} value={wish.forget} onChoose={(forget) => set({ forget })}
            choices={(Object.keys(FORGET) as Forget[]).map((value) => ({ value, label: t(`enrolments.forget.${value}`) }))} />
        </div>
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!body}>{t("tokens.make")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
