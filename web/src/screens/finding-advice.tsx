// What a rule's texts advise: why it matters, what to check, how to respond, and beside that the responses themselves.
import { useState } from "preact/hooks";
import { t } from "../core/i18n";
import { may } from "../core/session";
import type { Finding, RuleText } from "../generated/schemas";
import { Button } from "../ui/parts";
import { Text } from "../ui/text";
import { actionsOf, RespondDialog, type Action } from "./finding-respond";

interface Props { of: Finding; texts: RuleText | undefined; onChange: () => void }

function Steps({ of }: { of: string[] }) {
  return <ol class="finding-next">{of.map((step) => <li key={step}><Text of={step} /></li>)}</ol>;
}

/** The same as in the head, where the advice is read. */
function Responses({ of, onChange }: { of: Finding; onChange: () => void }) {
  const [open, setOpen] = useState<Action>();
  const actions = actionsOf(of);
  if (!may("respond") || actions.length === 0) return null;
  return (
    <div class="finding-acts" role="group" aria-label={t("finding.resp.menu")}>
      {actions.map((action) => (
        <Button key={action} onClick={() => setOpen(action)}>
          {t(`finding.resp.${action}`)}<span aria-hidden="true">…</span>
        </Button>
      ))}
      {open && <RespondDialog of={of} action={open} onClose={() => setOpen(undefined)} onDone={onChange} />}
    </div>
  );
}

export function Advice({ of, texts, onChange }: Props) {
  if (!texts?.why && !texts?.next && !texts?.respond) return null;
  return (
    <section class="finding-advice">
      {texts.why && <div class="why"><h3>{t("finding.why")}</h3><p><Text of={texts.why} /></p></div>}
      {texts.next && texts.next.length > 0 && <div><h3>{t("finding.next")}</h3><Steps of={texts.next} /></div>}
      {texts.respond && texts.respond.length > 0 && (
        <div><h3>{t("finding.respond")}</h3><Steps of={texts.respond} /><Responses of={of} onChange={onChange} /></div>
      )}
    </section>
  );
}
