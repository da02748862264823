// A switch: on or off, at once. Its state is a word and a place, not only a colour.
import { t } from "../core/i18n";

interface Props {
  on: boolean;
  /** What is switched. */
  label: string;
  onChange: (on: boolean) => void;
  disabled?: boolean;
}

export function Switch({ on, label, onChange, disabled }: Props) {
  return (
    <button type="button" role="switch" class="switch" aria-checked={on} aria-label={label} title={label}
      disabled={disabled ?? false} onClick={() => onChange(!on)}>
      <span class="track" aria-hidden="true"><span class="knob" /></span>
      <span class="switch-text" aria-hidden="true">{t(on ? "switch.on" : "switch.off")}</span>
    </button>
  );
}
