// A button that copies a text; it says so where it is, and to screen readers.
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { failed } from "./toasts";
import { Button } from "./parts";

const SAYS_MS = 2000;

/** Without the clipboard (pages over plain HTTP) by way of a selection. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  if (!worked) throw new Error("the browser does not copy");
}

export function Copy({ text, label, kind = "plain" }: { text: string; label?: string; kind?: "plain" | "quiet" | "primary" }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = window.setTimeout(() => setCopied(false), SAYS_MS);
    return () => window.clearTimeout(timer);
  }, [copied]);
  return (
    <>
      <Button kind={kind} {...(label ? { "aria-label": label, title: label } : {})}
        onClick={() => { copyText(text).then(() => setCopied(true), failed); }}>
        {copied ? `✓ ${t("action.copied")}` : t("action.copy")}
      </Button>
      <span class="unseen-label" role="status">{copied ? t("action.copied") : ""}</span>
    </>
  );
}
