// Short messages at the edge, read aloud by screen readers; failures stay until they are closed.
import { signal } from "@preact/signals";
import { t } from "../core/i18n";
import { tell } from "../core/problem";

interface Toast { id: number; kind: "done" | "failed"; text: string; detail: string }

const toasts = signal<Toast[]>([]);
const STAYS_MS = 5000;
const MOST = 4;
let last = 0;

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

function show(kind: Toast["kind"], text: string, detail: string): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(1 - MOST), { id, kind, text, detail }];
  if (kind === "done") window.setTimeout(() => close(id), STAYS_MS);
}

export function done(text: string): void {
  show("done", text, "");
}

export function failed(error: unknown): void {
  const told = tell(error);
  show("failed", told.advice, told.detail);
}

export function failedText(text: string): void {
  show("failed", text, "");
}

export function Toasts() {
  return (
    <div class="toasts" role="region" aria-live="polite" aria-label={t("app.notify")}>
      {toasts.value.map((toast) => (
        <div key={toast.id} class={`toast ${toast.kind}`}>
          <div>
            <p>{toast.text}</p>
            {toast.detail && <p class="faint">{toast.detail}</p>}
          </div>
          <button type="button" class="close" aria-label={t("action.close")} onClick={() => close(toast.id)}>×</button>
        </div>
      ))}
    </div>
  );
}
