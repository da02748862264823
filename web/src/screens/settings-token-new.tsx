// A new API token: what it may, and until when; then its secret, once.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { endOf, type Span } from "../core/expiry";
import { t } from "../core/i18n";
import { permissions } from "../core/session";
import { visibleText } from "../core/visible";
import type { Token, TokenNew } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { ExpirySelect } from "../ui/expiry";
import { Field } from "../ui/field";
import { Once } from "../ui/once";
import { Button, Failure } from "../ui/parts";

type Scope = TokenNew["permissions"][number];
const SCOPES: readonly Scope[] = ["read", "triage", "content", "respond", "admin", "falco"];
const SPANS: readonly Span[] = ["1d", "7d", "30d", "90d", "1y"];
const FIRST: Span = "90d";

/** What this person may give away: no more than it has. */
function scopes(): Scope[] {
  const own = permissions.value;
  return SCOPES.filter((scope) => own.has(scope === "falco" ? "admin" : scope));
}

function ScopeChoice({ chosen, onChoose }: { chosen: Scope[]; onChoose: (scopes: Scope[]) => void }) {
  return (
    <fieldset class="choices">
      <legend>{t("tokens.scopes")}</legend>
      {scopes().map((scope) => (
        <label key={scope} class="choice">
          <input type="checkbox" name={scope} checked={chosen.includes(scope)} onChange={(event) =>
            onChoose(event.currentTarget.checked ? [...chosen, scope] : chosen.filter((one) => one !== scope))} />
          <span><strong>{t(`scope.${scope}`)}</strong><span class="faint">{t(`scope.${scope}Help`)}</span></span>
        </label>
      ))}
    </fieldset>
  );
}

function Made({ token, onClose }: { token: Token; onClose: () => void }) {
  const secret = token.token ?? "";
  const falco = token.permissions.includes("falco") && !token.permissions.includes("read");
  const { origin } = window.location;
  const command = falco ? ["json_output: true", "http_output:", "  enabled: true", `  url: ${origin}/`,
    `  custom_headers: { Authorization: Bearer ${secret} }`].join("\n")
    : `curl -H 'Authorization: Bearer ${secret}' '${origin}/v1/findings?limit=10'`;
  return (
    <Dialog firm title={t("tokens.made", { name: visibleText(token.name) })} onClose={onClose}>
      <Once intro={t("tokens.once")} onClose={onClose}
        secrets={[{ label: t("tokens.token"), text: secret },
          { label: t(falco ? "tokens.falco" : "tokens.try"), text: command }]} />
    </Dialog>
  );
}

export function NewToken({ onClose, onChange }: { onClose: () => void; onChange: () => void }) {
  const [name, setName] = useState("");
  const [chosen, setChosen] = useState<Scope[]>(["read"]);
  const [end, setEnd] = useState<number | null | undefined>(() => endOf(FIRST));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState<Token>();
  const good = name.trim() !== "" && chosen.length > 0 && typeof end === "number" && !Number.isNaN(end);
  const submit = (event: Event) => {
    event.preventDefault();
    if (typeof end !== "number") return;
    setBusy(true);
    setError(undefined);
    api("POST /v1/tokens", { body: { name, permissions: chosen, expires_ms: end } })
      .then((token) => { setMade(token); onChange(); }, (e: unknown) => { setError(e); setBusy(false); });
  };
  if (made) return <Made token={made} onClose={onClose} />;
  return (
    <Dialog firm title={t("tokens.new")} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field label={t("settings.name")} name="name" value={name} onText={setName} required maxLength={64} autocomplete="off"
          help={t("tokens.nameHelp")} />
        <ScopeChoice chosen={chosen} onChoose={setChosen} />
        <ExpirySelect label={t("settings.expires")} spans={SPANS} first={FIRST} onEnd={setEnd} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!good}>{t("tokens.make")}</Button>
        </div>
      </form>
    </Dialog>
  );
}
