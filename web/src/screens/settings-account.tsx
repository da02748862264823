// One's own account: the name that others see, language, theme, times, the findings one begins with, the password.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { language, setLanguage, t, type Language } from "../core/i18n";
import { useResource } from "../core/resource";
import { changePassword, keep, me } from "../core/session";
import { setTheme, theme, type Theme } from "../core/theme";
import { exact, now, setZone, zone, zoneName, type Zone } from "../core/time";
import { visibleText } from "../core/visible";
import type { Filters } from "../generated/schemas";
import { Field, Select } from "../ui/field";
import { Button, Failure } from "../ui/parts";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { Settings } from "./settings";
import { Asked, Facts } from "./settings-parts";

const LEAST = 12;

function Part({ title, help, children }: { title: string; help: string; children: ComponentChildren }) {
  return (
    <section class="part">
      <div><h2>{title}</h2><p class="faint">{help}</p></div>
      <div class="panel">{children}</div>
    </section>
  );
}

function Profile() {
  const who = me.value;
  const [name, setName] = useState(who?.display_name ?? "");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const save = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    api("PATCH /v1/me", { body: { display_name: name } }).then(() => {
      if (who) me.value = { ...who, display_name: name };
      done(t("settings.saved"));
    }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save}>
      <Facts rows={[
        [t("login.name"), <Text of={who?.name} />],
        [t("users.role"), who?.role && <>{t(`role.${who.role}`)} <span class="faint">{t(`users.may.${who.role}`)}</span></>],
      ]} />
      <Field label={t("users.displayName")} name="display_name" value={name} onText={setName} maxLength={200} autocomplete="name"
        help={t("account.displayHelp")} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button kind="primary" submit busy={busy} disabled={name === (who?.display_name ?? "")}>{t("action.save")}</Button>
      </div>
    </form>
  );
}

function Looks() {
  return (
    <div class="looks">
      <Select<Language> label={t("menu.language")} value={language.value}
        choices={[{ value: "en", label: "English" }, { value: "ja", label: "日本語" }]}
        onChoose={(value) => { void setLanguage(value); void keep({ language: value }); }} />
      <Select<Theme> label={t("menu.theme")} value={theme.value}
        choices={(["auto", "light", "dark"] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
        onChoose={(value) => { setTheme(value); void keep({ theme: value }); }} />
      <Select<Zone> label={t("menu.zone")} value={zone.value}
        choices={[{ value: "local", label: t("zone.local") }, { value: "utc", label: t("zone.utc") }]}
        onChoose={(value) => { setZone(value); void keep({ time_zone: value === "utc" ? "UTC" : "" }); }} />
      <p class="faint">{t("account.nowIs", { time: `${exact(now.value)} ${zoneName()}` })}</p>
    </div>
  );
}

function FilterChoice({ data, onChange }: { data: Filters; onChange: () => void }) {
  const own = data.items.filter((one) => one.own);
  const chosen = own.find((one) => one.default);
  if (own.length === 0) return <p>{t("account.noFilters")} <a href="/findings">{t("app.toFindings")}</a></p>;
  const choose = (value: string) => {
    const id = value || String(chosen?.id ?? "");
    if (!id) return;
    api("PATCH /v1/filters/{id}", { path: { id }, body: { default: value !== "" } })
      .then(() => { done(t("settings.saved")); onChange(); }, failed);
  };
  return (
    <>
      <Select label={t("account.filter")} value={chosen ? String(chosen.id) : ""} onChoose={choose}
        choices={[{ value: "", label: t("account.noFilter") },
          ...own.map((one) => ({ value: String(one.id), label: visibleText(one.name) }))]} />
      {chosen && <p class="condition"><Text of={chosen.filter} mono /></p>}
    </>
  );
}

function DefaultFilter() {
  const filters = useResource("filters", (signal) => api("GET /v1/filters", { signal }));
  return <Asked of={filters}>{(data) => <FilterChoice data={data} onChange={filters.reload} />}</Asked>;
}

function Password() {
  const [current, setCurrent] = useState("");
  const [fresh, setFresh] = useState("");
  const [repeat, setRepeat] = useState("");
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const short = [...fresh].length < LEAST ? t("setup.short") : undefined;
  const different = fresh !== repeat ? t("setup.different") : undefined;
  const save = (event: Event) => {
    event.preventDefault();
    setTried(true);
    setError(undefined);
    if (short || different) return;
    setBusy(true);
    changePassword(current, fresh).then(() => {
      for (const empty of [setCurrent, setFresh, setRepeat]) empty("");
      setTried(false);
      done(t("account.passwordDone"));
    }, setError).finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={save} noValidate>
      <input class="unseen-label" type="text" name="username" value={me.value?.name ?? ""} autocomplete="username" readOnly
        tabIndex={-1} aria-hidden="true" />
      <Field label={t("account.current")} name="current" type="password" value={current} onText={setCurrent} required
        autocomplete="current-password" maxLength={256} />
      <Field label={t("account.fresh")} name="new-password" type="password" value={fresh} onText={setFresh} required
        autocomplete="new-password" maxLength={256} help={t("setup.passwordHelp")} fault={tried ? short : undefined} />
      <Field label={t("setup.repeat")} name="repeat" type="password" value={repeat} onText={setRepeat} required
        autocomplete="new-password" maxLength={256} fault={tried ? different : undefined} />
      {error !== undefined && <Failure error={error} />}
      <div class="buttons">
        <Button kind="primary" submit busy={busy} disabled={!current || !fresh}>{t("account.change")}</Button>
      </div>
    </form>
  );
}

function About() {
  const version = useResource("version", (signal) => api("GET /v1/version", { signal }));
  return (
    <>
      <Facts rows={[[t("system.server"), <Text of={version.data?.version} mono />]]} />
      <p><a href="/licences.txt" target="_blank" rel="noreferrer">{t("account.licences")}</a></p>
    </>
  );
}

export default function Account() {
  return (
    <Settings at="account">
      <Part title={t("account.profile")} help={t("account.profileHelp")}><Profile /></Part>
      <Part title={t("account.looks")} help={t("account.looksHelp")}><Looks /></Part>
      <Part title={t("account.filters")} help={t("account.filtersHelp")}><DefaultFilter /></Part>
      <Part title={t("login.password")} help={t("account.passwordHelp")}><Password /></Part>
      <Part title={t("account.about")} help={t("account.aboutHelp")}><About /></Part>
    </Settings>
  );
}
