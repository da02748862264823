// The first administrator, from the server's one-time link. The secret is the part of the address after #: it is
// taken out of the address at once, and kept in this page only.
import { useEffect, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { go, place } from "../core/router";
import { setUp } from "../core/session";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Enter } from "./enter";

const LEAST = 12;

export function Setup() {
  const [token] = useState(place.value.hash);
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [repeat, setRepeat] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  useEffect(() => { if (place.value.hash) go("/setup", "replace"); }, []);
  const short = [...password].length < LEAST ? t("setup.short") : undefined;
  const different = password !== repeat ? t("setup.different") : undefined;
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (short || different) return;
    setBusy(true);
    setError(undefined);
    setUp({ token, name, password }).catch((e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Enter title="setup.title">
      {token.startsWith("hu_") ? (
        <form onSubmit={submit} class="form" noValidate>
          <p>{t("setup.intro")}</p>
          <Field label={t("login.name")} name="username" value={name} onText={setName} autocomplete="username"
            maxLength={64} required />
          <Field label={t("login.password")} name="new-password" type="password" value={password} required
            onText={setPassword} autocomplete="new-password" maxLength={256} help={t("setup.passwordHelp")}
            fault={tried ? short : undefined} />
          <Field label={t("setup.repeat")} name="repeat" type="password" value={repeat} onText={setRepeat} required
            autocomplete="new-password" maxLength={256} fault={tried ? different : undefined} />
          {error !== undefined && <Failure error={error} />}
          <Button kind="primary" submit busy={busy} disabled={!name}>{t("setup.submit")}</Button>
        </form>
      ) : <p class="note">{t("setup.noToken")}</p>}
    </Enter>
  );
}
