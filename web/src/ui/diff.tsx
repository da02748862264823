// The difference of two texts: by sign, word (for screen readers) and colour.
import { useMemo } from "preact/hooks";
import { diffLines, nearChanges, unified, type DiffLine } from "../core/diff";
import { t } from "../core/i18n";
import { Text } from "./text";

const SIGN: Record<DiffLine["kind"], string> = { same: " ", gone: "−", new: "+", place: "⋯" };
const MOST = 2000;

function Line({ of }: { of: DiffLine }) {
  if (of.kind === "place") return <tr class="place"><td colSpan={4}>⋯</td></tr>;
  return (
    <tr class={of.kind}>
      <td class="at">{of.before}</td>
      <td class="at">{of.after}</td>
      <td class="sign">
        <span aria-hidden="true">{SIGN[of.kind]}</span>
        {of.kind !== "same" && <span class="unseen-label">{t(of.kind === "new" ? "diff.new" : "diff.gone")}</span>}
      </td>
      <td class="line">{of.text !== "" && <Text of={of.text} />}</td>
    </tr>
  );
}

function Lines({ lines, label }: { lines: readonly DiffLine[]; label: string }) {
  const added = lines.filter((line) => line.kind === "new").length;
  const removed = lines.filter((line) => line.kind === "gone").length;
  return (
    <figure class="diff">
      <figcaption><span>{label}</span> <span class="faint">{t("diff.counts", { added, removed })}</span></figcaption>
      {added + removed === 0 ? <p class="faint">{t("diff.same")}</p> : (
        <div class="scroll" tabIndex={0} role="region" aria-label={label}>
          <table>
            <thead class="unseen-label"><tr>
              <th scope="col">{t("diff.before")}</th><th scope="col">{t("diff.after")}</th>
              <th scope="col">{t("diff.change")}</th><th scope="col">{t("diff.text")}</th>
            </tr></thead>
            <tbody>{lines.slice(0, MOST).map((line, i) => <Line key={i} of={line} />)}</tbody>
          </table>
        </div>
      )}
      {lines.length > MOST && <p class="faint">{t("diff.more", { count: lines.length - MOST })}</p>}
    </figure>
  );
}

export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const lines = useMemo(() => nearChanges(diffLines(before, after)), [before, after]);
  return <Lines lines={lines} label={label} />;
}

export function UnifiedDiff({ text, label }: { text: string; label: string }) {
  const lines = useMemo(() => unified(text), [text]);
  return <Lines lines={lines} label={label} />;
}
