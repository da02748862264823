// A dialog over the screen: the browser's own, which keeps the focus inside, gives it back, and closes with Escape.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../core/i18n";

interface Props {
  title: ComponentChildren;
  onClose: () => void;
  children: ComponentChildren;
  /** At the side, as high as the window. */
  drawer?: boolean;
  /** For differences and tables. */
  wide?: boolean;
  /** A click beside it does not close it: something would be lost. */
  firm?: boolean;
  extra?: ComponentChildren;
}

export function Dialog({ title, onClose, children, drawer, wide, firm, extra }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} class={drawer ? "drawer" : wide ? "box wide" : "box"} aria-labelledby={id}
      onCancel={(event) => { event.preventDefault(); onClose(); }}
      onClick={(event) => { if (!firm && event.target === ref.current) onClose(); }}>
      <div class="dialog-inside">
        <header>
          <h2 id={id}>{title}</h2>
          {extra}
          <button type="button" class="close" aria-label={t("action.close")} onClick={onClose}>×</button>
        </header>
        <div class="dialog-body">{children}</div>
      </div>
    </dialog>
  );
}
