// Secrets that are shown once: what to do with them, each with a button that copies it.
import type { ComponentChildren } from "preact";
import { t } from "../core/i18n";
import { Copy } from "./copy";
import { Button } from "./parts";
import "../styles/once.css";

export interface Secret { label: string; text: string; help?: ComponentChildren }

export function Once({ intro, secrets, onClose }: { intro: string; secrets: Secret[]; onClose: () => void }) {
  return (
    <div class="once">
      <p class="note">{intro}</p>
      {secrets.map(({ label, text, help }) => (
        <section key={label}>
          <div class="once-head">
            <h3>{label}</h3>
            <Copy of={text} what={label} word={t("action.copy")} />
          </div>
          <pre class="secret" tabIndex={0} aria-label={label}>{text}</pre>
          {help && <p class="faint">{help}</p>}
        </section>
      ))}
      <div class="buttons"><Button kind="primary" onClick={onClose}>{t("once.done")}</Button></div>
    </div>
  );
}
