// Tabs: one panel of several. Arrow keys move between them.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

export interface Tab<T extends string> { value: T; label: ComponentChildren }

interface Props<T extends string> {
  label: string;
  tabs: ReadonlyArray<Tab<T>>;
  chosen: T;
  onChoose: (value: T) => void;
  children: ComponentChildren;
}

export function Tabs<T extends string>({ label, tabs, chosen, onChoose, children }: Props<T>) {
  const id = useId();
  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.value === chosen);
    const step = { ArrowRight: 1, ArrowLeft: tabs.length - 1 }[event.key];
    const to = step === undefined ? undefined : tabs[(at + step) % tabs.length];
    if (!to) return;
    event.preventDefault();
    onChoose(to.value);
    document.getElementById(`${id}-${to.value}`)?.focus();
  };
  return (
    <div class="tabs">
      <div role="tablist" aria-label={label} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <button type="button" key={tab.value} role="tab" id={`${id}-${tab.value}`} aria-controls={`${id}-panel`}
            aria-selected={tab.value === chosen} tabIndex={tab.value === chosen ? 0 : -1}
            onClick={() => onChoose(tab.value)}>
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${chosen}`} tabIndex={0}>{children}</div>
    </div>
  );
}
