// Light, dark, or as the system has it. The colours are CSS variables; styles/theme.css has both sets.
import { signal } from "@preact/signals";
import { recall, remember } from "./storage";

export type Theme = "light" | "dark" | "auto";

function kept(): Theme {
  const value = recall("theme");
  return value === "light" || value === "dark" ? value : "auto";
}

export const theme = signal<Theme>(kept());

export function setTheme(wanted: Theme): void {
  theme.value = wanted;
  remember("theme", wanted);
  if (wanted === "auto") {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = wanted;
  }
}
