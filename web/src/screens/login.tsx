import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { ended, logIn } from "../core/session";
import { Field } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Enter } from "./enter";

export function Login() {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const setup = useResource("setup", (signal) => api("GET /v1/setup", { signal }));
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    logIn(name, password).catch((e: unknown) => { setError(e); setBusy(false); });
  };
  return (
    <Enter title="login.title">
      {ended.value && <p class="note">{t("login.ended")}</p>}
      {setup.data?.open && <p class="note">{t("login.setupOpen")}</p>}
      <form onSubmit={submit} class="form">
        <Field label={t("login.name")} name="username" value={name} onText={setName} required autocomplete="username"
          maxLength={256} />
        <Field label={t("login.password")} name="password" type="password" value={password} onText={setPassword}
          required autocomplete="current-password" maxLength={256} />
        {error !== undefined && <Failure error={error} />}
        <Button kind="primary" submit busy={busy} disabled={!name || !password}>{t("login.submit")}</Button>
      </form>
    </Enter>
  );
}
