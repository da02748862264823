// Text to be copied: a command or a file, and the button that copies it.
import { useState } from "preact/hooks";
import { t } from "../core/i18n";

const SAID_MS = 2000;

async function copy(text: string, from: HTMLElement | null): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (from) window.getSelection()?.selectAllChildren(from);
    return false;
  }
}

/** Without the right to copy the text is selected, for the keys that do. */
export function Code({ label, text }: { label: string; text: string }) {
  const [said, setSaid] = useState<"copied" | "selected">();
  return (
    <figure class="code">
      <figcaption>
        <span>{label}</span>
        <span class="faint" role="status">{said ? t(`onboarding.${said}`) : ""}</span>
        <button type="button" class="button" aria-label={t("onboarding.copy", { what: label })}
          onClick={(event) => {
            const from = event.currentTarget.closest("figure")?.querySelector("pre") ?? null;
            void copy(text, from).then((good) => {
              setSaid(good ? "copied" : "selected");
              window.setTimeout(() => setSaid(undefined), SAID_MS);
            });
          }}>{t("action.copy")}</button>
      </figcaption>
      <pre tabIndex={0} aria-label={label}>{text}</pre>
    </figure>
  );
}
