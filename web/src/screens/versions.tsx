// The versions that changed a rule, macro, list or policy: who, when, what differs, and going back to one.
import { useState } from "preact/hooks";
import type { ContentDiff, ContentVersions } from "../generated/schemas";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { may } from "../core/session";
import { Dialog } from "../ui/dialog";
import { UnifiedDiff } from "../ui/diff";
import { Field } from "../ui/field";
import { Button, Empty, Failure, Loading, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import "../styles/rules.css";

export type VersionedKind = "rules" | "macros" | "lists" | "policies";
type Version = ContentVersions["items"][number];

interface Props {
  kind: VersionedKind;
  name: string;
  /** Its version now. */
  version: number;
  onSaved: (version: number) => void;
  /** False: before its first version there was nothing to go back to. */
  managed?: boolean;
}

const ACTIONS = ["create", "replace", "override", "enable", "disable", "remove", "import", "revert", "append",
  "exception", "change", "reset", "remove_items"] as const;

function Action({ of }: { of: Version["changes"][number] }) {
  const known = ACTIONS.find((one) => one === of.action);
  const items = (of.appended ?? 0) + (of.removed ?? 0) > 0 ? ` +${of.appended ?? 0} −${of.removed ?? 0}` : "";
  return <span class="tag">{known ? t(`versions.action.${known}`) : of.action}{items}</span>;
}

export function Differences({ of }: { of: ContentDiff }) {
  if (of.documents.length + of.lists.length === 0) return <p class="faint">{t("versions.same")}</p>;
  return (
    <>
      {of.documents.map((one) => (
        <UnifiedDiff key={`${one.kind} ${one.name} ${one.part}`} text={one.diff} label={t(`versions.change.${one.change}`)} />
      ))}
      {of.lists.map((list) => (
        <UnifiedDiff key={list.name} label={t("versions.items")}
          text={[...list.removed.map((item) => `-${item}`), ...list.appended.map((item) => `+${item}`)].join("\n")} />
      ))}
      {of.lists.some((list) => list.more) && <p class="faint">{t("versions.moreItems")}</p>}
    </>
  );
}

function Difference({ kind, name, from, to }: { kind: VersionedKind; name: string; from: number; to: number }) {
  const diff = useResource(`diff ${kind} ${name} ${from} ${to}`, (signal) =>
    api(`GET /v1/${kind}/{name}/diff`, { path: { name }, query: { from, to }, signal }));
  if (diff.error !== undefined) return <Failure error={diff.error} retry={diff.reload} />;
  return diff.data ? <Differences of={diff.data} /> : <Loading />;
}

function Revert({ kind, name, to, version, onClose, onSaved }: Props & { to: number; onClose: () => void }) {
  const [comment, setComment] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const revert = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    api(`POST /v1/${kind}/{name}/revert`, { path: { name }, body: { to, version, ...(comment ? { comment } : {}) } })
      .then((saved) => { done(t("versions.reverted", { version: to })); onSaved(saved.version); onClose(); },
        (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t("versions.revertTitle", { version: to })} onClose={onClose}>
      <form class="form" onSubmit={revert}>
        <p>{t("versions.revertText")}</p>
        <Difference kind={kind} name={name} from={version} to={to} />
        <Field label={t("versions.comment")} name="comment" value={comment} onText={setComment} maxLength={1000} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy}>{t("versions.revert")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Row({ props, of, newest, onRevert }: { props: Props; of: Version; newest: boolean; onRevert: () => void }) {
  const [open, setOpen] = useState(newest);
  return (
    <li>
      <div class="version">
        <strong class="number">{t("versions.version", { version: of.version })}</strong>
        {newest && <span class="tag">{t("versions.now")}</span>}
        {of.changes.map((change, i) => <Action key={i} of={change} />)}
        <span><Text of={of.author} /></span>
        <Time ms={of.time_ms} full />
        <span class="space" />
        <Button kind="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>
          {t(open ? "versions.hide" : "versions.show")}</Button>
        {!newest && may("content") && <Button kind="quiet" onClick={onRevert}>{t("versions.revert")}…</Button>}
      </div>
      {of.comment && <p class="comment"><Text of={of.comment} /></p>}
      {open && <Difference kind={props.kind} name={props.name} from={Math.max(0, of.version - 1)} to={of.version} />}
    </li>
  );
}

export function Versions(props: Props) {
  const { kind, name, version } = props;
  const [limit, setLimit] = useState(20);
  const [to, setTo] = useState<number>();
  const all = useResource(`versions ${kind} ${name} ${version} ${limit}`, (signal) =>
    api(`GET /v1/${kind}/{name}/versions`, { path: { name }, query: { limit }, signal }));
  if (all.error !== undefined && !all.data) return <Failure error={all.error} retry={all.reload} />;
  if (!all.data) return <Loading />;
  const items = all.data.items;
  if (items.length === 0) return <Empty title="versions.none">{t("versions.noneHelp")}</Empty>;
  const oldest = items.at(-1);
  return (
    <>
      <ol class="versions">
        {items.map((one, i) =>
          <Row key={one.version} props={props} of={one} newest={i === 0} onRevert={() => setTo(one.version)} />)}
      </ol>
      {all.data.next && limit < 500 && <Button onClick={() => setLimit(500)}>{t("versions.more")}</Button>}
      {!all.data.next && oldest && props.managed !== false && may("content") && (
        <p><Button kind="quiet" onClick={() => setTo(oldest.version - 1)}>{t("versions.before")}…</Button></p>
      )}
      {to !== undefined && <Revert {...props} to={to} onClose={() => setTo(undefined)} />}
    </>
  );
}
