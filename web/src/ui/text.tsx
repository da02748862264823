// Text that somebody else wrote. Always through here: it is shown verbatim, apart from the direction of what is
// around it, with characters that cannot be seen made visible. Never markup.
import { t } from "../core/i18n";
import { visible } from "../core/visible";

export function Text({ of, mono }: { of: string | null | undefined; mono?: boolean }) {
  if (of === null || of === undefined || of === "") return <span class="none">{t("text.none")}</span>;
  const pieces = visible(of).map((piece, i) => piece.hidden === undefined
    ? piece.text
    : <span key={i} class="unseen" title={t("text.hidden", { name: piece.hidden })}>{piece.text}</span>);
  return <bdi class={mono ? "verbatim mono" : "verbatim"}>{pieces}</bdi>;
}
