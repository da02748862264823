// The frame of every screen: where to go, who is here, language, theme, times, and whether it is live.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { language, setLanguage, t, type Language } from "../core/i18n";
import { shortcuts, useKeys } from "../core/keys";
import { liveState } from "../core/live";
import { go, place } from "../core/router";
import { keep, logOut, me } from "../core/session";
import { setTheme, theme, type Theme } from "../core/theme";
import { setZone, zone, zoneName, type Zone } from "../core/time";
import { Dialog } from "./dialog";
import { Menu } from "./menu";
import { isAt, navigation } from "./navigation";
import { failed, Toasts } from "./toasts";

/** What stays in view before the current entry of the navigation. */
const MARGIN = 60;

function Icon({ path }: { path: string }) {
  return <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d={path} /></svg>;
}

export function Preferences() {
  return (
    <>
      <Menu<Language> label={t("menu.language")} button={language.value === "ja" ? "日本語" : "EN"} chosen={language.value}
        choices={[{ value: "en", label: "English" }, { value: "ja", label: "日本語" }]}
        onChoose={(value) => { void setLanguage(value); void keep({ language: value }); }} />
      <Menu<Theme> label={t("menu.theme")} chosen={theme.value}
        button={<Icon path="M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2v16a8 8 0 0 1 0-16z" />}
        choices={(["auto", "light", "dark"] as const).map((value) => ({ value, label: t(`theme.${value}`) }))}
        onChoose={(value) => { setTheme(value); void keep({ theme: value }); }} />
    </>
  );
}

function Live() {
  const state = liveState.value;
  return (
    <span class={`live ${state}`} role="status" title={t("live.help")}>
      <span class="dot" aria-hidden="true" /><span>{t(`live.${state}`)}</span>
    </span>
  );
}

function Bar() {
  const who = me.value;
  return (
    <header class="bar">
      <a class="brand" href="/overview"><img src="/favicon.svg" alt="" width="24" height="24" /><span>{t("app.name")}</span></a>
      <span class="space" />
      <Live />
      <Menu<Zone> label={t("menu.zone")} button={zone.value === "utc" ? "UTC" : zoneName()} chosen={zone.value}
        choices={[{ value: "local", label: t("zone.local") }, { value: "utc", label: t("zone.utc") }]}
        onChoose={(value) => { setZone(value); void keep({ time_zone: value === "utc" ? "UTC" : "" }); }} />
      <Preferences />
      <Menu<"account" | "out"> label={t("menu.account", { name: who?.name ?? "" })} button={who?.display_name || who?.name}
        choices={[{ value: "account", label: t("settings.account") }, { value: "out", label: t("menu.logOut") }]}
        onChoose={(value) => { if (value === "account") go("/settings/account"); else logOut().catch(failed); }} />
    </header>
  );
}

/** Where the navigation is a line, what is current is in view. */
function useInView(path: string) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    const here = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && here) {
      nav.current.scrollLeft += here.getBoundingClientRect().left - nav.current.getBoundingClientRect().left - MARGIN;
    }
  }, [path]);
  return nav;
}

function Nav() {
  const nav = useInView(place.value.path);
  return (
    <nav class="nav" aria-label={t("app.nav")} ref={nav}>
      <div class="nav-inside">
        {navigation().map((group) => (
          <div key={group.title} class="nav-group">
            <h2 id={`nav-${group.title}`}>{t(group.title)}</h2>
            <ul aria-labelledby={`nav-${group.title}`}>
              {group.entries.map((entry) => (
                <li key={entry.path}>
                  <a href={entry.path} {...(isAt(entry, place.value.path) ? { "aria-current": "page" as const } : {})}>
                    <Icon path={entry.icon} /><span>{t(entry.title)}</span>
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
      </div>
    </nav>
  );
}

function KeysHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t("keys.title")} onClose={onClose}>
      <dl class="keys">
        {shortcuts().map((one) => (
          <div key={one.key}><dt><kbd>{one.key}</kbd></dt><dd>{one.label}</dd></div>
        ))}
      </dl>
    </Dialog>
  );
}

export function Layout({ children }: { children: ComponentChildren }) {
  const [help, setHelp] = useState(false);
  useKeys([
    { key: "?", label: t("keys.help"), run: () => setHelp(true) },
    ...navigation().flatMap((group) => group.entries).map((entry, i) => (
      { key: String(i + 1), label: t(entry.title), run: () => go(entry.path) })),
  ]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById("main")?.focus();
      }}>{t("app.skip")}</a>
      <Bar />
      <Nav />
      <main id="main" tabIndex={-1}>{children}</main>
      {help && <KeysHelp onClose={() => setHelp(false)} />}
      <Toasts />
    </>
  );
}
