// One user: a new one with a first password to hand over, and the drawer in which an administrator changes one.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { newPassword } from "../core/secret";
import { me } from "../core/session";
import { visibleText } from "../core/visible";
import type { User, UserNew } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Once } from "../ui/once";
import { Button, Failure, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Asked, Facts, State } from "./settings-parts";
import { SessionTable } from "./settings-session-table";

export type Role = UserNew["role"];
const ROLES: readonly Role[] = ["viewer", "analyst", "admin"];

/** Each role with what it may: nobody has to guess. */
export function RoleChoice({ value, onChoose, disabled }: { value: Role; onChoose: (role: Role) => void; disabled?: boolean }) {
  return (
    <fieldset class="choices" disabled={disabled ?? false}>
      <legend>{t("users.role")}</legend>
      {ROLES.map((role) => (
        <label key={role} class="choice">
          <input type="radio" name="role" value={role} checked={value === role} onChange={() => onChoose(role)} />
          <span><strong>{t(`role.${role}`)}</strong><span class="faint">{t(`users.may.${role}`)}</span></span>
        </label>
      ))}
    </fieldset>
  );
}

function HandOver({ name, password, onClose }: { name: string; password: string; onClose: () => void }) {
  const invitation = [t("users.inviteUrl", { url: `${window.location.origin}/` }), t("users.inviteName", { name }),
    t("users.invitePassword", { password }), t("users.inviteChange")].join("\n");
  return (
    <Once intro={t("users.handOver")} onClose={onClose} secrets={[
      { label: t("login.password"), text: password },
      { label: t("users.message"), text: invitation, help: t("users.messageHelp") },
    ]} />
  );
}

export function NewUser({ onClose, onChange }: { onClose: () => void; onChange: () => void }) {
  const [wanted, setWanted] = useState<Required<UserNew>>(() =>
    ({ name: "", display_name: "", role: "analyst", password: newPassword() }));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [made, setMade] = useState(false);
  const set = (change: Partial<UserNew>) => setWanted((old) => ({ ...old, ...change }));
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("POST /v1/users", { body: wanted }).then(() => { setMade(true); onChange(); },
      (e: unknown) => { setError(e); setBusy(false); });
  };
  if (made) {
    return (
      <Dialog firm title={t("users.made", { name: wanted.name })} onClose={onClose}>
        <HandOver name={wanted.name} password={wanted.password} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog firm title={t("users.new")} onClose={onClose}>
      <form onSubmit={submit} class="form">
        <Field label={t("login.name")} name="name" value={wanted.name} required maxLength={64} autocomplete="off"
          onText={(name) => set({ name })} help={t("users.nameHelp")} />
        <Field label={t("users.displayName")} name="display_name" value={wanted.display_name} maxLength={200} autocomplete="off"
          onText={(display_name) => set({ display_name })} />
        <RoleChoice value={wanted.role} onChoose={(role) => set({ role })} />
        <Field label={t("users.firstPassword")} name="password" value={wanted.password} required maxLength={256}
          autocomplete="off" onText={(password) => set({ password })} help={t("users.firstPasswordHelp")} />
        {error !== undefined && <Failure error={error} />}
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={!wanted.name || !wanted.password}>{t("users.make")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function Profile({ user, self, onChange }: { user: User; self: boolean; onChange: () => void }) {
  const [role, setRole] = useState<Role>(user.role ?? "viewer");
  const [shown, setShown] = useState(user.display_name);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const same = role === user.role && shown === user.display_name;
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const body = { ...(shown === user.display_name ? {} : { display_name: shown }), ...(role === user.role ? {} : { role }) };
    api("PATCH /v1/users/{name}", { path: { name: user.name }, body })
      .then(() => { done(t("settings.saved")); onChange(); }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save}>
      <Field label={t("users.displayName")} name="display_name" value={shown} onText={setShown} maxLength={200}
        autocomplete="off" />
      <RoleChoice value={role} onChoose={setRole} disabled={self} />
      {self && <p class="note">{t("users.own")}</p>}
      {!self && role !== user.role && <p class="note">{t("users.roleEnds")}</p>}
      {error !== undefined && <Failure error={error} />}
      <div class="buttons"><Button kind="primary" submit busy={busy} disabled={same}>{t("action.save")}</Button></div>
    </form>
  );
}

type Deed = "disable" | "enable" | "reset" | "remove";

function deedOf(deed: Deed, name: string, password: string): Promise<unknown> {
  const path = { name };
  if (deed === "remove") return api("DELETE /v1/users/{name}", { path });
  const body = deed === "reset" ? { password } : { disabled: deed === "disable" };
  return api("PATCH /v1/users/{name}", { path, body });
}

function Deeds({ user, onDeed }: { user: User; onDeed: (deed: Deed) => void }) {
  const deeds: Deed[] = ["reset", user.disabled ? "enable" : "disable", "remove"];
  return (
    <section class="deeds" aria-label={t("users.more")}>
      {deeds.map((deed) => (
        <div key={deed} class="deed">
          <div><strong>{t(`users.${deed}`)}</strong><p class="faint">{t(`users.${deed}Help`)}</p></div>
          <Button kind={deed === "remove" ? "danger" : "plain"} onClick={() => onDeed(deed)}>{t(`users.${deed}Do`)}</Button>
        </div>
      ))}
    </section>
  );
}

export function UserState({ of }: { of: User }) {
  return <State kind={of.disabled ? "over" : "good"}>{t(of.disabled ? "users.disabled" : "users.active")}</State>;
}

function Inside({ user, onChange, onDeed }: { user: User; onChange: () => void; onDeed: (deed: Deed) => void }) {
  const self = user.name === me.value?.name;
  return (
    <>
      <Facts rows={[
        [t("settings.state"), <UserState of={user} />],
        [t("settings.made"), user.created_ms ? <Time ms={user.created_ms} full /> : null],
        [t("users.lastLogin"), user.login_ms ? <Time ms={user.login_ms} full /> : t("settings.never")],
        [t("users.passwordSet"), user.password_ms ? <Time ms={user.password_ms} full /> : null],
      ]} />
      <Profile key={`${user.role} ${user.display_name}`} user={user} self={self} onChange={onChange} />
      <h3>{t("settings.sessions")}</h3>
      <SessionTable name={user.name} onChange={onChange} />
      {!self && <Deeds user={user} onDeed={onDeed} />}
    </>
  );
}

export function UserDrawer({ name, onClose, onChange }: { name: string; onClose: () => void; onChange: () => void }) {
  const [deed, setDeed] = useState<Deed>();
  const [password, setPassword] = useState(newPassword);
  const [reset, setReset] = useState(false);
  const user = useResource(`user ${name}`, (signal) => api("GET /v1/users/{name}", { path: { name }, signal }));
  const handed = () => { setReset(false); setPassword(newPassword()); };
  const changed = () => { user.reload(); onChange(); };
  const after = () => {
    setDeed(undefined);
    if (deed === "remove") onClose();
    if (deed === "reset") setReset(true); else done(t(`users.${deed ?? "enable"}Done`, { name: visibleText(name) }));
    if (deed === "remove") onChange(); else changed();
  };
  return (
    <>
      <Dialog drawer title={<Text of={name} />} onClose={onClose}>
        <Asked of={user}>{(found) => <Inside user={found} onChange={changed} onDeed={setDeed} />}</Asked>
      </Dialog>
      {deed && (
        <Confirm title={t(`users.${deed}Ask`, { name: visibleText(name) })} action={t(`users.${deed}Do`)}
          run={() => deedOf(deed, name, password)} onDone={after} onClose={() => setDeed(undefined)}>
          <p>{t(`users.${deed}Help`)}</p>
        </Confirm>
      )}
      {reset && (
        <Dialog firm title={t("users.resetDone", { name: visibleText(name) })} onClose={handed}>
          <HandOver name={name} password={password} onClose={handed} />
        </Dialog>
      )}
    </>
  );
}
