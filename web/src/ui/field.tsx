// A labelled input with its help and its fault.
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

type Props = Omit<JSX.HTMLAttributes<HTMLInputElement>, "onInput" | "value" | "label"> & {
  label: string;
  value: string;
  onText: (text: string) => void;
  help?: ComponentChildren;
  fault?: string | undefined;
  name: string;
  type?: "text" | "password";
  required?: boolean;
  autocomplete?: string;
  maxLength?: number;
  rows?: number;
};

export function Field({ label, value, onText, help, fault, rows, type = "text", name, ...rest }: Props) {
  const id = useId();
  const about = help || fault ? `${id}-about` : undefined;
  const shared = {
    id, name, value, spellcheck: false, "aria-invalid": fault !== undefined,
    ...(about ? { "aria-describedby": about } : {}),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows
        ? <textarea {...shared} rows={rows} autofocus={rest.autofocus ?? false}
            onInput={(event) => onText(event.currentTarget.value)} />
        : <input {...rest} {...shared} type={type} onInput={(event) => onText(event.currentTarget.value)} />}
      {about && <p id={about} class={fault ? "fault" : "faint"}>{fault ?? help}</p>}
    </div>
  );
}

interface SelectProps<T extends string> {
  label: string;
  value: T;
  choices: ReadonlyArray<{ value: T; label: string }>;
  onChoose: (value: T) => void;
  disabled?: boolean;
}

export function Select<T extends string>({ label, value, choices, onChoose, disabled }: SelectProps<T>) {
  return (
    <label class="select">
      <span>{label}</span>
      <select value={value} disabled={disabled ?? false}
        onChange={(event) => {
          const found = choices.find((choice) => choice.value === event.currentTarget.value);
          if (found) onChoose(found.value);
        }}>
        {choices.map((choice) => <option key={choice.value} value={choice.value}>{choice.label}</option>)}
      </select>
    </label>
  );
}
