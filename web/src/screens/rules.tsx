// The library: all rules, or all macros; what narrows them down is in the address.
import { useEffect, useState } from "preact/hooks";
import { allOf, titled, type Kind } from "../core/content";
import { language, number, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { choose, isNarrowed, readLibrary } from "../core/library";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may } from "../core/session";
import { now } from "../core/time";
import { Button, Empty, Failure, Loading } from "../ui/parts";
import "../styles/policies.css";
import "../styles/rules.css";
import { Filters } from "./rules-filter";
import { MacroRows, RuleRows } from "./rules-table";

const STEP = 200;

export function KindTabs({ kind }: { kind: Kind }) {
  return (
    <nav class="pills" aria-label={t("rules.kinds")}>
      {(["rules", "macros"] as const).map((one) => (
        <a key={one} href={`/${one}`} {...(one === kind ? { "aria-current": "page" as const } : {})}>{t(`rules.${one}`)}</a>
      ))}
    </nav>
  );
}

function Search({ kind }: { kind: Kind }) {
  const asked = readLibrary().text;
  const [text, setText] = useState(asked);
  useEffect(() => setText(asked), [asked]);
  useKeys([{ key: "/", label: t("keys.search"), run: () => document.getElementById("rules-search")?.focus() }]);
  return (
    <input id="rules-search" type="search" value={text} maxLength={200} aria-label={t(`rules.search.${kind}`)}
      placeholder={t(`rules.search.${kind}`)}
      onInput={(event) => {
        setText(event.currentTarget.value);
        go(urlWith({ q: event.currentTarget.value.trim(), show: undefined }), "replace");
      }} />
  );
}

function Actions({ kind }: { kind: Kind }) {
  if (!may("content")) return null;
  return (
    <>
      <a class="button" href="/rules/new/import">{t("rules.import")}</a>
      <a class="button primary" href={kind === "rules" ? "/rules/new/rule" : "/rules/new/macro"}>{t(`rules.new.${kind}`)}</a>
    </>
  );
}

function Library({ kind }: { kind: Kind }) {
  const wanted = readLibrary();
  const show = Number(place.value.query.get("show") ?? STEP) || STEP;
  const all = useResource(`library ${kind}`, (signal) => allOf(kind, signal));
  useEffect(() => listen("content", all.reload), []);
  const items = all.data ? titled(all.data, language.value) : [];
  const chosen = choose(items, wanted, now.value);
  const Rows = kind === "rules" ? RuleRows : MacroRows;
  return (
    <>
      <div class="title-row">
        <h1>{t("rules.title")}</h1>
        <KindTabs kind={kind} />
        <span class="faint" role="status">{all.data &&
          (chosen.length === items.length ? t(`rules.count.${kind}`, { count: items.length })
            : t("rules.countOf", { n: number(chosen.length), m: number(items.length) }))}</span>
        <span class="space" />
        <Actions kind={kind} />
      </div>
      <p class="intro">{t(`rules.intro.${kind}`)}</p>
      <div class="library-bar">
        <form role="search" onSubmit={(event) => event.preventDefault()}><Search kind={kind} /></form>
        <Filters kind={kind} items={items} wanted={wanted} />
      </div>
      {all.error !== undefined && !all.data ? <Failure error={all.error} retry={all.reload} />
        : !all.data ? <Loading />
          : chosen.length > 0 ? <Rows items={chosen.slice(0, show)} onChanged={all.reload} />
            : isNarrowed(wanted)
              ? (
                <Empty title="rules.none" action={<a class="button" href={`/${kind}`}>{t("rules.clear")}</a>}>
                  {t("rules.noneHelp")}</Empty>
              )
              : <Empty title="rules.noneAtAll">{t("rules.noneAtAllHelp")}</Empty>}
      {chosen.length > show && (
        <p><Button onClick={() => go(urlWith({ show: String(show + STEP) }), "replace")}>
          {t("rules.more", { count: Math.min(STEP, chosen.length - show) })}</Button></p>
      )}
    </>
  );
}

export default function Rules() {
  const kind: Kind = place.value.path === "/macros" ? "macros" : "rules";
  return <Library key={kind} kind={kind} />;
}
