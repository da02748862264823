// Keys: one letter each, never with a modifier, never while somebody types. `?` shows what there is.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

export interface Shortcut {
  key: string;
  /** What it does, in the reader's language. */
  label: string;
  run: () => void;
}

const layers: Array<{ current: Shortcut[] }> = [];
/** Grows with every change, for the help. */
const changed = signal(0);

export function shortcuts(): Shortcut[] {
  changed.value;
  const seen = new Map<string, Shortcut>();
  for (const layer of layers) for (const one of layer.current) seen.set(one.key, one);
  return [...seen.values()];
}

function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement && /^(checkbox|radio)$/.test(target.type)) return false;
  return target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/** Enter and space do what the focused button or link does. */
function takesIt(event: KeyboardEvent): boolean {
  return (event.key === "Enter" || event.key === " ") && event.target instanceof Element &&
    event.target.closest("a, button, summary, [role=button], [role=listbox], [role=tab]") !== null;
}

export function handleKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
  if (isTyping(event.target) || takesIt(event) || document.querySelector("dialog[open]")) return;
  for (const layer of [...layers].reverse()) {
    const found = layer.current.find((s) => s.key === event.key);
    if (found) {
      event.preventDefault();
      found.run();
      return;
    }
  }
}

export function useKeys(wanted: Shortcut[]): void {
  const layer = useLayer();
  layer.current = wanted;
}

function useLayer(): { current: Shortcut[] } {
  const layer = useRef<Shortcut[]>([]);
  useEffect(() => {
    layers.push(layer);
    changed.value++;
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      changed.value++;
    };
  }, []);
  return layer;
}

export function startKeys(): void {
  window.addEventListener("keydown", handleKey);
}
