// Small parts: buttons, marks of severity and status, times, empty states, failures.
import type { ComponentChildren, JSX } from "preact";
import { t, number, type Key } from "../core/i18n";
import { tell } from "../core/problem";
import { ago, exact, zoneName } from "../core/time";
import { Text } from "./text";

export type Band = "info" | "low" | "medium" | "high" | "critical";
export const BANDS: readonly Band[] = ["critical", "high", "medium", "low", "info"];

type ButtonProps = Omit<JSX.HTMLAttributes<HTMLButtonElement>, "class" | "type"> & {
  kind?: "plain" | "primary" | "danger" | "quiet";
  submit?: boolean;
  busy?: boolean | undefined;
  disabled?: boolean | undefined;
  class?: string;
};

export function Button({ kind = "plain", submit, busy, disabled, class: more, children, ...rest }: ButtonProps) {
  return (
    <button {...rest} type={submit ? "submit" : "button"} disabled={disabled || busy} aria-busy={busy ?? false}
      class={`button ${kind} ${more ?? ""}`}>
      {children}
    </button>
  );
}

/** By shape, word and colour: never by colour alone. */
export function Severity({ band, score }: { band: Band; score: number }) {
  return (
    <span class={`severity ${band}`} title={t("severity.is", { name: t(`severity.${band}`), score: score.toFixed(1) })}>
      <span class="mark" aria-hidden="true" />
      <span>{t(`severity.${band}`)}</span>
      <span class="score">{score.toFixed(1)}</span>
    </span>
  );
}

export type Status = "new" | "acknowledged" | "archived" | "suppressed";

export function StatusMark({ status }: { status: Status }) {
  return <span class={`status ${status}`}>{t(`status.${status}`)}</span>;
}

export function Time({ ms, full }: { ms: number; full?: boolean }) {
  const text = exact(ms);
  return (
    <time dateTime={new Date(ms).toISOString()} title={`${text} ${zoneName()}`}>
      {full ? `${text} ` : ago(ms)}{full && <span class="faint">({ago(ms)})</span>}
    </time>
  );
}

export function Count({ of }: { of: number }) {
  return <span class="number">{number(of)}</span>;
}

/** top: it is all that the screen has. */
export function Empty({ title, children, action, top }:
  { title: Key; children?: ComponentChildren; action?: ComponentChildren; top?: boolean }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 48 48" width="48" height="48" aria-hidden="true">
        <path d="M24 6l14 9H10zM14 15h20v5H14zM17 20l-4 22h5l2-13h8l2 13h5l-4-22z" fill="currentColor" />
      </svg>
      {top ? <h1>{t(title)}</h1> : <h2>{t(title)}</h2>}
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const told = tell(error);
  return (
    <div class="failure" role="alert">
      <strong>{t("problem.title")}</strong>
      <p>{told.advice}</p>
      {told.detail && <pre class="detail">{told.detail.split("\n").map((line, i) => <div key={i}><Text of={line} /></div>)}</pre>}
      {told.request && <p class="faint">{t("problem.request", { id: told.request })}</p>}
      {retry && <Button onClick={retry}>{t("action.retry")}</Button>}
    </div>
  );
}

export function Loading() {
  return <p class="loading" role="status">{t("app.loading")}</p>;
}
