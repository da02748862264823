// Until when: a few spans, or for good.
import { useState } from "preact/hooks";
import { t } from "../core/i18n";
import { exact } from "../core/time";
import { Select } from "./field";

const DAY_MS = 86_400_000;
const SPANS = { "1": DAY_MS, "7": 7 * DAY_MS, "30": 30 * DAY_MS, "90": 90 * DAY_MS, "365": 365 * DAY_MS, never: 0 } as const;
export type Span = keyof typeof SPANS;

const ALL: readonly Span[] = ["1", "7", "30", "90", "365", "never"];

/** null: never */
export function expiryOf(span: Span, now: number): number | null {
  return SPANS[span] === 0 ? null : now + SPANS[span];
}

export function useSpan(first: Span): [Span, (span: Span) => void] {
  return useState<Span>(first);
}

function labelOf(span: Span): string {
  return span === "never" ? t("finding.expires.never") : t("finding.expires.days", { n: Number(span) });
}

export function Expiry({ span, onSpan }: { span: Span; onSpan: (span: Span) => void }) {
  const at = expiryOf(span, Date.now());
  return (
    <div class="expiry">
      <Select<Span> label={t("finding.expires")} value={span} onChoose={onSpan}
        choices={ALL.map((value) => ({ value, label: labelOf(value) }))} />
      <span class="faint">
        {at === null ? t("finding.expires.neverHelp") : t("finding.expires.at", { time: exact(at).slice(0, 16) })}
      </span>
    </div>
  );
}
