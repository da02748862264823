// A new rule or macro, from a template or as a copy of another; or many, from a file of rules.
import type { Document } from "../generated/schemas";
import { api } from "../core/api";
import { editable, ONE, partOf, pathOf, type Kind } from "../core/content";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { go, place } from "../core/router";
import { copyOf, templateOf } from "../core/rule-drafts";
import { may } from "../core/session";
import { Empty, Failure, Loading } from "../ui/parts";
import { RuleEditor } from "./rule-editor";
import { Import } from "./rule-import";

function copied(kind: Kind, of: Document): string {
  const text = of.origin === "own" ? editable(of) : partOf(of, "managed")?.text;
  return copyOf(text ?? templateOf(kind, of.name), of.name,
    kind === "rules" ? t("editor.copyName", { name: of.name }) : `${of.name}_copy`);
}

function New({ kind }: { kind: Kind }) {
  const from = place.value.query.get("copy");
  const asked = useResource(`copy ${kind} ${from}`, async (signal) => from === null
    ? templateOf(kind, t(`editor.newName.${ONE[kind]}`))
    : copied(kind, await api(`GET /v1/${kind}/{name}`, { path: { name: from }, signal })));
  return (
    <>
      <p><a href={`/${kind}`}>← {t(`rules.back.${kind}`)}</a></p>
      <div class="title-row"><h1>{t(`rules.new.${kind}`)}</h1></div>
      <p class="intro">{t("editor.newIntro")}</p>
      {asked.error !== undefined && asked.data === undefined ? <Failure error={asked.error} retry={asked.reload} />
        : asked.data === undefined ? <Loading /> : (
          <RuleEditor kind={kind} name={undefined} text={asked.data} before="" back={`/${kind}`}
            onSaved={(name, version) => go(pathOf(kind, name, `?saved=${version}`))} />
        )}
    </>
  );
}

export default function RuleNew({ kind }: { kind: string }) {
  if (!may("content")) return <Empty top title="editor.mayNot">{t("editor.mayNotHelp")}</Empty>;
  if (kind === "import") return <Import />;
  if (kind === "rule" || kind === "macro") return <New kind={kind === "rule" ? "rules" : "macros"} />;
  return (
    <Empty top title="app.noScreen" action={<a class="button primary" href="/rules">{t("rules.title")}</a>}>
      {t("app.noScreenHelp")}</Empty>
  );
}
