// The frame of log-in and set-up.
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { t, type Key } from "../core/i18n";
import { Preferences } from "../ui/layout";

export function Enter({ title, children }: { title: Key; children: ComponentChildren }) {
  const heading = t(title);
  useEffect(() => { document.title = `${heading} · Hinomi`; }, [heading]);
  return (
    <div class="enter">
      <header class="bar"><span class="space" /><Preferences /></header>
      <main id="main">
        <p class="brand large"><img src="/favicon.svg" alt="" width="40" height="40" />{t("app.name")}</p>
        <h1>{heading}</h1>
        {children}
      </main>
    </div>
  );
}
