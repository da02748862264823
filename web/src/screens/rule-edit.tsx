// Editing a rule or macro of one's own, or what changes a managed one: that itself is never edited.
import { useState } from "preact/hooks";
import type { Document } from "../generated/schemas";
import { api } from "../core/api";
import { editable, partOf, pathOf, type Kind } from "../core/content";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { go, place } from "../core/router";
import { changeOf, CHANGES, type Change } from "../core/rule-drafts";
import { may } from "../core/session";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";
import { RuleEditor } from "./rule-editor";

function Beginnings({ kind, onChoose }: { kind: Kind; onChoose: (change: Change) => void }) {
  return (
    <div class="beginnings" role="group" aria-label={t("editor.begin")}>
      <span class="faint">{t("editor.begin")}</span>
      {CHANGES[kind].map((change) =>
        <Button key={change} onClick={() => onChoose(change)}>{t(`editor.begin.${change}`)}</Button>)}
    </div>
  );
}

function Editing({ kind, of }: { kind: Kind; of: Document }) {
  const [beginning, setBeginning] = useState<string>();
  const managed = of.origin === "managed";
  const before = editable(of) ?? "";
  const now = { condition: of.condition ?? "", output: of.output ?? "", priority: of.priority ?? "" };
  const text = beginning ?? (before || (managed ? changeOf(kind, of.name, "append", now) : ""));
  return (
    <>
      {managed && (
        <>
          <p class="note">{t("rules.managedHelp")}</p>
          <Beginnings kind={kind} onChoose={(change) => setBeginning(before + changeOf(kind, of.name, change, now))} />
        </>
      )}
      <RuleEditor kind={kind} name={of.name} text={text} before={before} version={of.version}
        delivered={managed ? partOf(of, "managed")?.text ?? "" : undefined} back={pathOf(kind, of.name)}
        onSaved={(name, version) => go(pathOf(kind, name, `?saved=${version}`))} />
    </>
  );
}

export default function RuleEdit({ name }: { name: string }) {
  const kind: Kind = place.value.path.startsWith("/macros/") ? "macros" : "rules";
  const asked = useResource(`edit ${kind} ${name}`, (signal) => api(`GET /v1/${kind}/{name}`, { path: { name }, signal }));
  if (!may("content")) return <Empty top title="editor.mayNot">{t("editor.mayNotHelp")}</Empty>;
  return (
    <>
      <p><a href={pathOf(kind, name)}>← <Text of={name} /></a></p>
      <div class="title-row"><h1>{t(asked.data?.origin === "own" ? "editor.edit" : "editor.change")} <Text of={name} /></h1></div>
      {asked.error !== undefined && !asked.data ? <Failure error={asked.error} retry={asked.reload} />
        : asked.data ? <Editing kind={kind} of={asked.data} /> : <Loading />}
    </>
  );
}
