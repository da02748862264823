// One policy: its rules with their switches and actions, severity and scope, YAML, versions. What is changed is
// collected, shown in words, and saved at once; until then it stays here, also when one looks at something else.
import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { listen } from "../core/live";
import { changesOf, draftOf, type Draft } from "../core/policy";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import type { Policy } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Button, Failure, Loading } from "../ui/parts";
import { Tabs } from "../ui/tabs";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Conflict } from "./list-text";
import { ActionNames, PolicySeverity, PolicySwitch } from "./policies-parts";
import { Review } from "./policies-review";
import { PolicyRules } from "./policies-rules";
import { PolicySettings } from "./policies-settings";
import { PolicyYaml } from "./policies-yaml";
import { Rollout } from "./rollout";
import { Versions } from "./versions";
import "../styles/policies.css";

const TABS = ["rules", "settings", "yaml", "versions"] as const;
type Tab = (typeof TABS)[number];

interface Kept { draft: Draft; before: Draft; version: number }
const kept = signal<ReadonlyMap<string, Kept>>(new Map());

function keep(name: string, what: Kept | undefined): void {
  const next = new Map(kept.value);
  if (what) next.set(name, what);
  else next.delete(name);
  kept.value = next;
}

function Remove({ policy, onClose, onDone }: { policy: Policy; onClose: () => void; onDone: (version: number) => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const managed = policy.origin === "managed";
  const of = { name: visibleText(policy.name) };
  const remove = () => {
    setBusy(true);
    api("DELETE /v1/policies/{name}", { path: { name: policy.name } }).then((made) => {
      done(t(managed ? "policy.wasReset" : "policy.wasDeleted", of));
      onDone(made.version);
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t(managed ? "policy.resetTitle" : "policy.deleteTitle", of)} onClose={onClose}>
      <p>{t(managed ? "policy.resetText" : "policy.deleteText")}</p>
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={remove}>{t(managed ? "policy.reset" : "policy.delete")}</Button>
      </div>
    </Dialog>
  );
}

function Head({ policy, onSaved, onRemove }: { policy: Policy; onSaved: (version: number) => void; onRemove: () => void }) {
  const managed = policy.origin === "managed";
  const actions = [...new Set(policy.rules.filter((rule) => rule.enabled).flatMap((rule) => rule.actions))];
  return (
    <>
      <p><a href="/policies">← {t("policies.title")}</a></p>
      <div class="title-row">
        <h1><Text of={policy.name} /></h1>
        <span class="tag">{t(managed ? "lists.origin.managed" : "lists.origin.own")}</span>
        {policy.overridden && <span class="tag">{t("policies.changed")}</span>}
        <PolicySwitch name={policy.name} on={policy.enabled} rules={policy.rules.length} actions={actions} onSaved={onSaved} />
        <span class="space" />
        {may("content") && (!managed || policy.parts.length > 1) && (
          <Button onClick={onRemove}>{t(managed ? "policy.reset" : "policy.delete")}</Button>
        )}
      </div>
      <Conflict conflict={policy.conflict} />
      <dl class="facts-row">
        <div><dt>{t("policies.col.severity")}</dt><dd><PolicySeverity of={policy.severity ?? null} /></dd></div>
        <div><dt>{t("policies.col.scope")}</dt>
          <dd>{policy.scope ? <Text of={policy.scope} mono /> : t("policies.everywhere")}</dd></div>
        <div><dt>{t("policies.col.actions")}</dt><dd><ActionNames of={actions} /></dd></div>
      </dl>
    </>
  );
}

function SaveBar({ count, onReview, onDiscard }: { count: number; onReview: () => void; onDiscard: () => void }) {
  return (
    <div class="save-bar" role="region" aria-label={t("policy.unsaved", { count })}>
      <span role="status">{t("policy.unsaved", { count })}</span>
      <span class="space" />
      <Button onClick={onDiscard}>{t("policy.discard")}</Button>
      <Button kind="primary" onClick={onReview}>{t("policy.review")}</Button>
    </div>
  );
}

/** Warns before the page is left for another address with changes that are not saved. */
function useWarning(changed: boolean): void {
  useEffect(() => {
    if (!changed) return undefined;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [changed]);
}

interface BodyProps { policy: Policy; onSaved: (version: number) => void }

function Body({ policy, onSaved }: BodyProps) {
  const tab = TABS.find((one) => one === place.value.query.get("tab")) ?? "rules";
  const [reviewing, setReviewing] = useState(false);
  const held = kept.value.get(policy.name);
  const before = held?.before ?? draftOf(policy);
  const draft = held?.draft ?? before;
  const changes = held ? changesOf(before, draft).length : 0;
  const version = held?.version ?? policy.version;
  const editable = may("content") && (policy.rules.length > 0 || policy.scope !== undefined);
  const onChange = editable ? (to: Draft) => keep(policy.name, changesOf(before, to).length > 0
    ? { draft: to, before, version } : undefined) : undefined;
  useWarning(changes > 0);
  const saved = (made: number) => {
    keep(policy.name, undefined);
    setReviewing(false);
    onSaved(made);
  };
  return (
    <>
      <Tabs<Tab> label={t("policy.sections")} chosen={tab}
        tabs={TABS.map((value) => ({ value, label: t(`policy.tab.${value}`) }))}
        onChoose={(to) => go(urlWith({ tab: to === "rules" ? undefined : to, cursor: undefined }), "replace")}>
        {tab === "rules" && <PolicyRules draft={draft} onChange={onChange} />}
        {tab === "settings" && <PolicySettings key={changes === 0 ? policy.version : "held"} draft={draft} onChange={onChange} />}
        {tab === "yaml" && <PolicyYaml policy={policy} onSaved={saved} />}
        {tab === "versions" && (
          <Versions kind="policies" name={policy.name} version={policy.version} managed={policy.origin === "managed"}
            onSaved={saved} />
        )}
      </Tabs>
      {changes > 0 && (
        <SaveBar count={changes} onReview={() => setReviewing(true)} onDiscard={() => keep(policy.name, undefined)} />
      )}
      {reviewing && (
        <Review policy={policy} before={before} draft={draft} version={version} onClose={() => setReviewing(false)}
          onSaved={saved} />
      )}
    </>
  );
}

export default function PolicyPage({ name }: { name: string }) {
  const [saved, setSaved] = useState<number>();
  const [removing, setRemoving] = useState(false);
  const policy = useResource<Policy>(`policy ${name}`, (signal) => api("GET /v1/policies/{name}", { path: { name }, signal }));
  const onSaved = (version: number) => {
    setSaved(version);
    setRemoving(false);
    policy.reload();
  };
  useEffect(() => listen("content", policy.reload), []);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("policy-search")?.focus() }]);
  if (policy.error !== undefined && !policy.data) return <Failure error={policy.error} retry={policy.reload} />;
  const data = policy.data;
  if (!data || data.name !== name) return <Loading />;
  return (
    <>
      <Head policy={data} onSaved={onSaved} onRemove={() => setRemoving(true)} />
      <Rollout version={saved} />
      <Body policy={data} onSaved={onSaved} />
      {removing && (
        <Remove policy={data} onClose={() => setRemoving(false)}
          onDone={(version) => {
            keep(name, undefined);
            if (data.origin === "managed") onSaved(version);
            else go("/policies");
          }} />
      )}
    </>
  );
}
