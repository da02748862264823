// Asks before something is done that cannot be taken back; shows why it failed, and stays.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { t } from "../core/i18n";
import { Dialog } from "./dialog";
import { Button, Failure } from "./parts";

interface Props {
  title: string;
  /** What the button says: the deed itself, never "OK". */
  action: string;
  run: () => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
  children: ComponentChildren;
}

export function Confirm({ title, action, run, onDone, onClose, children }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const go = () => {
    setBusy(true);
    setError(undefined);
    run().then(onDone, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={go}>{action}</Button>
      </div>
    </Dialog>
  );
}
