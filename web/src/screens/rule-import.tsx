// A file of rules, as Falco has them: looked at first, then imported; names that are taken are left out or replaced.
import { useState } from "preact/hooks";
import type { ContentDiagnostic, ContentImported } from "../generated/schemas";
import { pathOf } from "../core/content";
import { t } from "../core/i18n";
import { Problem } from "../core/problem";
import { problemOfSent, upload, uploadUrl } from "../core/upload";
import { Diagnostics, type Check } from "../ui/diagnostics";
import { Select } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Text } from "../ui/text";
import { Rollout } from "./rollout";
import "../styles/policies.css";
import "../styles/rules.css";
import "../styles/editor.css";

type Taken = "skip" | "replace";
type Names = ContentImported["created"];
/** The server's limit. */
const MOST_BYTES = 16 * 1024 * 1024;
const REASONS = ["exists", "overridden", "managed"] as const;
const MOST_NAMES = 200;

class Refused extends Error {
  constructor(readonly diagnostics: readonly ContentDiagnostic[]) {
    super("");
  }
}

async function send(file: File, taken: Taken, dry: boolean): Promise<ContentImported> {
  const url = uploadUrl("POST /v1/content/import", {}, { name: file.name, conflicts: taken, dry: dry ? "true" : undefined });
  const sent = await upload({ url, file, onProgress: () => undefined, signal: new AbortController().signal });
  if (sent.status === 200) return sent.body as ContentImported;
  if (Array.isArray(sent.body.diagnostics)) throw new Refused(sent.body.diagnostics as ContentDiagnostic[]);
  throw problemOfSent(sent);
}

function linkOf(kind: string, name: string): string {
  return kind === "rule" || kind === "macro" ? pathOf(`${kind}s`, name)
    : `/${kind === "policy" ? "policies" : "lists"}/${encodeURIComponent(name)}`;
}

function NameList({ title, names, linked }: { title: string; names: Names; linked: boolean }) {
  if (names.length === 0) return null;
  return (
    <details class="import-names" open={names.length <= 12}>
      <summary><strong>{title}</strong></summary>
      <ul>
        {names.slice(0, MOST_NAMES).map((one) => {
          const reason = REASONS.find((known) => known === one.reason);
          return (
            <li key={`${one.kind} ${one.name}`}>
              <span class="tag">{t(`ruleImport.kind.${knownKind(one.kind)}`)}</span>{" "}
              {linked ? <a href={linkOf(one.kind, one.name)}><Text of={one.name} /></a> : <Text of={one.name} />}
              {reason && <span class="faint"> · {t(`ruleImport.reason.${reason}`)}</span>}
            </li>
          );
        })}
      </ul>
      {names.length > MOST_NAMES && <p class="faint">{t("diff.moreNames", { count: names.length - MOST_NAMES })}</p>}
    </details>
  );
}

function knownKind(kind: string): "rule" | "macro" | "list" | "policy" {
  return kind === "macro" || kind === "list" || kind === "policy" ? kind : "rule";
}

function Looked({ of, over }: { of: ContentImported; over: boolean }) {
  const counts = { created: of.created.length, changed: of.changed.length, unchanged: of.unchanged, taken: of.conflicts.length };
  return (
    <>
      <p role="status">{over ? t("ruleImport.done", counts) : t("ruleImport.would", counts)}</p>
      <NameList title={t("ruleImport.created", { count: of.created.length })} names={of.created} linked={over} />
      <NameList title={t("ruleImport.changed", { count: of.changed.length })} names={of.changed} linked={over} />
      <NameList title={t("ruleImport.taken", { count: of.conflicts.length })} names={of.conflicts} linked />
      {of.warnings && of.warnings.length > 0 && (
        <Diagnostics check={{ state: "warned", ok: true, diagnostics: of.warnings, elsewhere: [] }} />
      )}
    </>
  );
}

function failure(error: unknown) {
  if (!(error instanceof Refused)) return <Failure error={error} />;
  const check: Check = { state: "bad", ok: false, diagnostics: error.diagnostics, elsewhere: [] };
  return <div class="failure" role="alert"><strong>{t("ruleImport.refused")}</strong><Diagnostics check={check} /></div>;
}

export function Import() {
  const [file, setFile] = useState<File>();
  const [taken, setTaken] = useState<Taken>("skip");
  const [looked, setLooked] = useState<ContentImported>();
  const [imported, setImported] = useState<ContentImported>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const run = (wanted: File, how: Taken, dry: boolean) => {
    setBusy(true);
    setError(undefined);
    (wanted.size > MOST_BYTES ? Promise.reject(new Problem(413, "too_large", t("ruleImport.tooLarge"))) : send(wanted, how, dry))
      .then(dry ? setLooked : setImported, (e: unknown) => { setLooked(undefined); setError(e); }).finally(() => setBusy(false));
  };
  const choose = (wanted: File | undefined) => {
    setFile(wanted);
    setLooked(undefined);
    setImported(undefined);
    if (wanted) run(wanted, taken, true);
  };
  const empty = looked !== undefined && looked.created.length + looked.changed.length === 0;
  return (
    <>
      <p><a href="/rules">← {t("rules.back.rules")}</a></p>
      <div class="title-row"><h1>{t("ruleImport.title")}</h1></div>
      <p class="intro">{t("ruleImport.intro")}</p>
      <section class="panel import">
        <div class="field">
          <label for="import-file">{t("ruleImport.file")}</label>
          <input id="import-file" type="file" accept=".yaml,.yml,text/yaml" disabled={busy}
            onChange={(event) => choose(event.currentTarget.files?.[0])} />
        </div>
        <Select<Taken> label={t("ruleImport.taken.label")} value={taken} disabled={busy}
          choices={(["skip", "replace"] as const).map((value) => ({ value, label: t(`ruleImport.taken.${value}`) }))}
          onChoose={(how) => { setTaken(how); if (file && !imported) run(file, how, true); }} />
        {busy && <p class="faint" role="status">{t("app.loading")}</p>}
        {error !== undefined && failure(error)}
        {imported ? <Looked of={imported} over /> : looked && <Looked of={looked} over={false} />}
        {looked && !imported && file && (
          <div class="buttons"><Button kind="primary" busy={busy} disabled={empty} onClick={() => run(file, taken, false)}>
            {t("ruleImport.run")}</Button></div>
        )}
      </section>
      {imported && <Rollout version={imported.version} />}
    </>
  );
}
