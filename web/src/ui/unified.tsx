// A difference as the server tells it: lines with + and - and what surrounds them.
import { visibleText } from "../core/visible";
import { t } from "../core/i18n";

function kindOf(line: string): string {
  return line.startsWith("@@") ? "place" : line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "";
}

export function Unified({ of }: { of: string }) {
  const lines = of.split("\n");
  if (lines[lines.length - 1] === "") lines.pop();
  return (
    <pre class="unified" tabIndex={0} aria-label={t("unified.label")}>
      {lines.map((line, i) => <span key={i} class={`line ${kindOf(line)}`}>{visibleText(line)}{"\n"}</span>)}
    </pre>
  );
}

/** Items that come and go. */
export function ItemChanges({ appended, removed, more }: { appended: string[]; removed: string[]; more: boolean }) {
  return (
    <>
      <Unified of={[...removed.map((item) => `- ${item}`), ...appended.map((item) => `+ ${item}`)].join("\n")} />
      {more && <p class="faint">{t("unified.more")}</p>}
    </>
  );
}
