// One rule or macro: what it looks for, with the macros and lists of its condition as links, its texts, its versions.
import { useEffect } from "preact/hooks";
import type { Document } from "../generated/schemas";
import { api } from "../core/api";
import { ONE, pathOf, type Kind } from "../core/content";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { bandOf } from "../core/library";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { Failure, Loading, Severity } from "../ui/parts";
import { Tabs } from "../ui/tabs";
import { Text } from "../ui/text";
import "../styles/policies.css";
import "../styles/rules.css";
import "../styles/editor.css";
import { Rollout } from "./rollout";
import { Overview } from "./rule-overview";
import { Source } from "./rule-source";
import { Trial } from "./rule-trial";
import { RuleSwitch } from "./rules-table";
import { Versions } from "./versions";

type Part = "overview" | "text" | "try" | "versions";
const PARTS: readonly Part[] = ["overview", "text", "try", "versions"];

export function savedVersion(): number | undefined {
  const saved = place.value.query.get("saved");
  return saved !== null && /^\d{1,15}$/.test(saved) ? Number(saved) : undefined;
}

function Conflict({ of }: { of: Document }) {
  if (!of.conflict) return null;
  const known = ["managed_changed", "managed_gone", "does_not_compile", "name_taken"] as const;
  const code = known.find((one) => one === of.conflict);
  return <p class="note warn" role="note">{code ? t(`rules.conflict.${code}`) : <Text of={of.conflict} />}</p>;
}

function Buttons({ kind, of }: { kind: Kind; of: Document }) {
  if (!may("content")) return null;
  const copy = `/rules/new/${ONE[kind]}?copy=${encodeURIComponent(of.name)}`;
  return (
    <>
      <a class="button" href={copy}>{t("rules.copy")}</a>
      <a class="button primary" href={pathOf(kind, of.name, "/edit")}>
        {t(of.origin === "own" ? "rules.edit" : of.overridden ? "rules.editChange" : "rules.change")}</a>
    </>
  );
}

function Head({ kind, of, onChanged }: { kind: Kind; of: Document; onChanged: (version: number) => void }) {
  return (
    <>
      <div class="title-row">
        <h1 class={kind === "macros" ? "mono" : ""}><Text of={of.name} /></h1>
        {kind === "rules" && of.severity != null && <Severity band={bandOf(of.severity)} score={of.severity} />}
        <span class="tag">{t(`rules.origin.${of.origin}`)}</span>
        {of.overridden && <span class="tag">{t("rules.changedHere")}</span>}
        <span class="space" />
        {kind === "rules" && <RuleSwitch rule={of} onChanged={onChanged} />}
        <Buttons kind={kind} of={of} />
      </div>
      <Conflict of={of} />
    </>
  );
}

export function DocumentPage({ kind, name }: { kind: Kind; name: string }) {
  const part = PARTS.find((one) => one === place.value.query.get("part")) ?? "overview";
  const saved = savedVersion();
  const asked = useResource(`${kind} ${name}`, (signal) => api(`GET /v1/${kind}/{name}`, { path: { name }, signal }));
  useEffect(() => listen("content", asked.reload), []);
  useKeys([{ key: "c", label: t("rules.keyChange"), run: () => { if (may("content")) go(pathOf(kind, name, "/edit")); } }]);
  const changed = (version: number) => {
    go(urlWith({ saved: String(version) }), "replace");
    asked.reload();
  };
  const of = asked.data;
  return (
    <>
      <p><a href={`/${kind}`}>← {t(`rules.back.${kind}`)}</a></p>
      {asked.error !== undefined && !of ? <Failure error={asked.error} retry={asked.reload} /> : !of ? <Loading /> : (
        <>
          <Head kind={kind} of={of} onChanged={changed} />
          {saved !== undefined && <Rollout version={saved} />}
          <Tabs<Part> label={t("rules.parts")} chosen={part}
            tabs={PARTS.map((value) => ({ value, label: t(`rules.part.${value}`) }))}
            onChoose={(value) => go(urlWith({ part: value === "overview" ? undefined : value }), "replace")}>
            {part === "overview" ? <Overview kind={kind} of={of} />
              : part === "text" ? <Source kind={kind} of={of} onChanged={changed} />
                : part === "try" ? <Trial kind={kind} name={name} />
                  : <Versions kind={kind} name={name} version={of.version} onSaved={changed} />}
          </Tabs>
        </>
      )}
    </>
  );
}

export default function Rule({ name }: { name: string }) {
  return <DocumentPage key={name} kind={place.value.path.startsWith("/macros/") ? "macros" : "rules"} name={name} />;
}
