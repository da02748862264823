// The frame of the settings: their places, and why one of them is not for this reader.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "../core/i18n";
import { may, me, type Permission } from "../core/session";
import { Empty } from "../ui/parts";
import "../styles/settings.css";

export type Place = "account" | "sessions" | "tokens" | "users" | "audit" | "system" | "exceptions" | "suppressions" |
  "notifications" | "summaries";

const PLACES: ReadonlyArray<{ at: Place; need?: Permission }> = [
  { at: "account" }, { at: "sessions" }, { at: "tokens" }, { at: "users", need: "admin" }, { at: "audit", need: "admin" },
  { at: "system" }, { at: "exceptions" }, { at: "suppressions" }, { at: "notifications" },
  { at: "summaries" },
];

/** Where not all of them fit, the chosen one is moved into sight. */
function Places({ at }: { at: Place }) {
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    const chosen = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && chosen) nav.current.scrollLeft = chosen.offsetLeft - nav.current.clientWidth / 3;
  }, [at]);
  return (
    <nav ref={nav} class="places" aria-label={t("settings.title")}>
      <ul>
        {PLACES.filter(({ need }) => !need || may(need)).map((place) => (
          <li key={place.at}>
            <a href={`/settings/${place.at}`} {...(place.at === at ? { "aria-current": "page" as const } : {})}>
              {t(`settings.${place.at}`)}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

interface Props {
  at: Place;
  /** Beside the title: how many there are. */
  count?: string | undefined;
  action?: ComponentChildren;
  children: ComponentChildren;
}

export function Settings({ at, count, action, children }: Props) {
  const need = PLACES.find((place) => place.at === at)?.need;
  const allowed = !need || may(need);
  return (
    <div class="settings">
      <Places at={at} />
      <div class="title-row">
        <h1>{t(`settings.${at}`)}</h1>
        <span class="faint" role="status">{count ?? ""}</span>
        <span class="space" />
        {allowed && action}
      </div>
      <p class="intro">{t(`settings.${at}Intro`)}</p>
      {allowed ? children : (
        <Empty title="settings.notYours">{t("settings.notYoursHelp", { role: t(`role.${me.value?.role ?? "viewer"}`) })}</Empty>
      )}
    </div>
  );
}
