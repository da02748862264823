// The texts that make up a rule or macro: as delivered, and what was changed here; changes can be taken back.
import { useState } from "preact/hooks";
import type { Document } from "../generated/schemas";
import { api } from "../core/api";
import { ONE, pathOf, type Kind } from "../core/content";
import { t } from "../core/i18n";
import { go } from "../core/router";
import { may } from "../core/session";
import { visibleText } from "../core/visible";
import { Dialog } from "../ui/dialog";
import { Button, Failure } from "../ui/parts";
import { Text } from "../ui/text";
import { RuleText } from "../ui/rule-text";
import { done } from "../ui/toasts";

type Part = Document["parts"][number];
const NAMES = ["managed", "own", "override", "toggle"] as const;

function PartText({ part }: { part: Part }) {
  const name = NAMES.find((one) => one === part.part);
  return (
    <section>
      <h2 class="sub">{name ? t(`rules.text.${name}`) : part.part}
        {part.file && (
          <span class="lighter"> · <Text of={part.file} mono />{" "}
            {part.line !== undefined && t("rules.line", { line: part.line })}</span>
        )}
        {!part.in_force && <span class="tag warn">{t("rules.notInForce")}</span>}
      </h2>
      <RuleText of={part.text} />
    </section>
  );
}

function Remove({ kind, of, onClose, onChanged }:
  { kind: Kind; of: Document; onClose: () => void; onChanged: (version: number) => void }) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const own = of.origin === "own";
  const remove = () => {
    setBusy(true);
    api(`DELETE /v1/${kind}/{name}`, { path: { name: of.name } }).then(({ version }) => {
      done(t(own ? "rules.removed" : "rules.takenBack", { name: visibleText(of.name) }));
      if (own) go(`/${kind}`);
      else onChanged(version);
      onClose();
    }, (e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Dialog title={t(own ? `rules.removeTitle.${ONE[kind]}` : "rules.takeBackTitle")} onClose={onClose}>
      <p><Text of={of.name} /></p>
      <p>{t(own ? "rules.removeText" : "rules.takeBackText")}</p>
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="danger" busy={busy} onClick={remove}>{t(own ? "rules.remove" : "rules.takeBack")}</Button>
      </div>
    </Dialog>
  );
}

export function Source({ kind, of, onChanged }: { kind: Kind; of: Document; onChanged: (version: number) => void }) {
  const [removing, setRemoving] = useState(false);
  const own = of.origin === "own";
  const changes = of.parts.some((part) => part.part !== "managed");
  return (
    <div class="rule-main">
      {!own && <p class="note">{t("rules.managedHelp")}</p>}
      {of.parts.map((part) => <PartText key={part.part} part={part} />)}
      {may("content") && (
        <div class="buttons start">
          <a class="button" href={pathOf(kind, of.name, "/edit")}>{t(own ? "rules.edit" : "rules.change")}</a>
          {changes && (
            <Button kind="quiet" onClick={() => setRemoving(true)}>{t(own ? "rules.remove" : "rules.takeBack")}…</Button>
          )}
        </div>
      )}
      {removing && <Remove kind={kind} of={of} onClose={() => setRemoving(false)} onChanged={onChanged} />}
    </div>
  );
}
