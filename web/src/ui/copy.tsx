// A button that copies a text, also where the browser has no clipboard for pages (plain HTTP from another machine).
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/i18n";

const SAYS_MS = 1500;

function copyByHand(text: string, near: HTMLElement): boolean {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "unseen-label";
  near.append(area);
  area.select();
  const good = document.execCommand("copy");
  area.remove();
  near.focus();
  return good;
}

const PICTURES = {
  "": "M5.5 5.5V3a1 1 0 0 1 1-1H13a1 1 0 0 1 1 1v6.5a1 1 0 0 1-1 1h-2.5M3 5.5h6.5a1 1 0 0 1 1 1V13a1 1 0 0 1-1 1H3" +
    "a1 1 0 0 1-1-1V6.5a1 1 0 0 1 1-1z",
  done: "M3 8.5 6.5 12 13 4.5",
  failed: "M4 4l8 8M12 4l-8 8",
};

async function copy(text: string, near: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByHand(text, near);
  }
}

interface Props {
  of: string;
  /** What is copied, for those who do not see what it stands beside. */
  what: string;
  /** With a word beside the picture. */
  word?: string;
}

export function Copy({ of, what, word }: Props) {
  const [state, setState] = useState<"" | "done" | "failed">("");
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (state === "") return undefined;
    const timer = window.setTimeout(() => setState(""), SAYS_MS);
    return () => window.clearTimeout(timer);
  }, [state]);
  const label = t("copy.label", { what });
  return (
    <>
      <button type="button" ref={button} class={`copy ${state}`} title={label}
        {...(word ? {} : { "aria-label": label })} onClick={() => {
        if (button.current) void copy(of, button.current).then((good) => setState(good ? "done" : "failed"));
      }}>
        <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
          <path d={PICTURES[state]} />
        </svg>
        {word && <span>{word}<span class="unseen-label">: {what}</span></span>}
      </button>
      <span class="unseen-label" role="status">
        {state === "done" ? t("action.copied") : state === "failed" ? t("copy.failed") : ""}
      </span>
    </>
  );
}
