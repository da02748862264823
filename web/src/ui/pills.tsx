// Choices of which one holds, each a link: what is chosen is in the address.
import { urlWith } from "../core/router";

export interface Choice { value: string | undefined; label: string }

export function Pills({ name, choices, chosen, label }:
  { name: string; choices: Choice[]; chosen: string | undefined; label: string }) {
  return (
    <nav class={name === "see" ? "pills see" : "pills"} aria-label={label}>
      {choices.map(({ value, label: text }) => (
        <a key={value ?? ""} href={urlWith({ [name]: value, cursor: undefined, ...(name === "see" ? { state: undefined } : {}) })}
          {...(value === chosen ? { "aria-current": "true" as const } : {})}>{text}</a>
      ))}
    </nav>
  );
}
