// What the engine says of a text: asked a moment after the last key, listed under it, with the way to each place.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { Problem } from "../core/problem";
import type { ContentDiagnostic } from "../generated/schemas";
import { Failure } from "./parts";
import { Said } from "./said";
import { Text } from "./text";

const AFTER_MS = 300;
const MOST = 50;

export interface Check {
  state: "asking" | "good" | "warned" | "bad" | "failed";
  ok: boolean;
  /** Those of the text itself. */
  diagnostics: readonly ContentDiagnostic[];
  /** What elsewhere would no longer work. */
  elsewhere: readonly ContentDiagnostic[];
  error?: unknown;
}

const ASKING: Check = { state: "asking", ok: false, diagnostics: [], elsewhere: [] };

function judged(ok: boolean, all: readonly ContentDiagnostic[]): Check {
  const own = all.filter((one) => one.file === undefined || one.file === "text");
  const others = all.filter((one) => !own.includes(one));
  const diagnostics = own.length > 0 ? own : others;
  return { ok, diagnostics, elsewhere: own.length > 0 ? others : [], state: !ok ? "bad" : all.length > 0 ? "warned" : "good" };
}

/** A text that is no YAML at all is refused as a problem. */
function refused(error: unknown): Check {
  if (!(error instanceof Problem) || error.diagnostics.length === 0) return { ...ASKING, state: "failed", error };
  return judged(false, error.diagnostics.map((one) => ({ severity: "error", ...one })));
}

export function useCheck(text: string): Check {
  const [check, setCheck] = useState<Check>(ASKING);
  useEffect(() => {
    const control = new AbortController();
    const timer = window.setTimeout(() => {
      api("POST /v1/content/check", { body: { text }, signal: control.signal }).then(
        (answer) => setCheck(judged(answer.ok ?? false, answer.diagnostics)),
        (error: unknown) => { if (!control.signal.aborted) setCheck(refused(error)); });
    }, AFTER_MS);
    setCheck((old) => ({ ...old, state: "asking", ok: false }));
    return () => { window.clearTimeout(timer); control.abort(); };
  }, [text]);
  return check;
}

export function summaryOf(check: Check): string {
  const errors = check.diagnostics.filter((one) => one.severity === "error").length;
  const warnings = check.diagnostics.length - errors;
  if (check.state === "asking") return t("editor.asking");
  if (check.state === "failed") return t("editor.checkFailed");
  if (check.state === "good") return t("editor.good");
  return errors > 0 ? t("editor.errors", { count: errors }) : t("editor.warnings", { count: warnings });
}

function One({ of, onGo }: { of: ContentDiagnostic; onGo: ((line: number, column: number) => void) | undefined }) {
  const { line, column = 1 } = of;
  return (
    <li class={`diagnostic ${of.severity}`}>
      <span class="kind">{t(`editor.${of.severity}`)}</span>
      {line !== undefined && (onGo && (of.file === undefined || of.file === "text")
        ? <button type="button" class="link" onClick={() => onGo(line, column)}>{t("rules.line", { line })}</button>
        : <span class="faint">{of.file && <Text of={of.file} mono />} {t("rules.line", { line })}</span>)}
      <span class="message"><Said of={of.message} />{of.hint && <span class="faint"> · <Said of={of.hint} /></span>}
        {of.code && <span class="faint diagnostic-code"> <Text of={of.code} mono /></span>}</span>
    </li>
  );
}

interface Props {
  check: Check;
  onGo?: (line: number, column: number) => void;
}

export function Diagnostics({ check, onGo }: Props) {
  if (check.state === "failed") return <Failure error={check.error} />;
  return (
    <div class={`diagnostics ${check.state}`}>
      {check.diagnostics.length > 0 && (
        <ul aria-label={t("editor.diagnostics")}>
          {check.diagnostics.slice(0, MOST).map((one, i) => <One key={i} of={one} onGo={onGo} />)}
        </ul>
      )}
      {check.elsewhere.length > 0 && (
        <details>
          <summary>{t("editor.elsewhere", { count: check.elsewhere.length })}</summary>
          <ul>{check.elsewhere.slice(0, MOST).map((one, i) => <One key={i} of={one} onGo={undefined} />)}</ul>
        </details>
      )}
    </div>
  );
}
