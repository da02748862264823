// A switch that is on or off: by place, word and colour.
interface Props {
  on: boolean;
  busy?: boolean;
  disabled?: boolean;
  label: string;
  /** "On", "Off", beside it. */
  text: string;
  onChange: (on: boolean) => void;
}

export function Switch({ on, busy, disabled, label, text, onChange }: Props) {
  return (
    <button type="button" role="switch" class="switch" aria-checked={on} aria-label={label} aria-busy={busy ?? false}
      disabled={disabled || busy} onClick={() => onChange(!on)}>
      <span class="track" aria-hidden="true"><span class="knob" /></span>
      <span aria-hidden="true">{text}</span>
    </button>
  );
}
