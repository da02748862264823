// A button that opens a list of choices. Arrow keys move, Escape closes and gives the focus back.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

export interface Choice<T extends string> { value: T; label: string }

interface Props<T extends string> {
  label: string;
  button: ComponentChildren;
  choices: ReadonlyArray<Choice<T>>;
  chosen?: T;
  onChoose: (value: T) => void;
}

export function Menu<T extends string>({ label, button, choices, chosen, onChoose }: Props<T>) {
  const [open, setOpen] = useState(false);
  const name = typeof button === "string" && !label.includes(button) ? `${label}: ${button}` : label;
  const root = useRef<HTMLDivElement>(null);
  const id = useId();
  const items = () => [...(root.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
  useEffect(() => {
    if (!open) return undefined;
    const list = items();
    (list.find((item) => item.getAttribute("aria-checked") === "true") ?? list[0])?.focus();
    const outside = (event: Event) => {
      if (event.target instanceof Node && !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    root.current?.querySelector("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const list = items();
    const at = list.indexOf(document.activeElement as HTMLElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + list.length, Home: 0, End: list.length - 1 }[event.key];
    if (event.key === "Escape") close();
    if (event.key === "Tab") setOpen(false);
    if (open && to !== undefined) list[to % list.length]?.focus();
    if (open && (to !== undefined || event.key === "Escape")) event.preventDefault();
  };
  return (
    <div class="menu" ref={root} onKeyDown={onKeyDown}>
      <button type="button" class="button quiet" aria-haspopup="menu" aria-expanded={open} aria-controls={id}
        aria-label={name} title={name} onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && (
        <div class="menu-list" role="menu" id={id} aria-label={label}>
          {choices.map(({ value, label: text }) => (
            <button type="button" key={value} tabIndex={-1} role={chosen === undefined ? "menuitem" : "menuitemradio"}
              {...(chosen === undefined ? {} : { "aria-checked": chosen === value })}
              onClick={() => { close(); onChoose(value); }}>
              {text}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
