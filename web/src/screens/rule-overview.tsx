// What a rule or macro looks for, what it tells people, and what it rests on.
import type { ComponentChildren } from "preact";
import type { Document } from "../generated/schemas";
import { api } from "../core/api";
import { pathOf, type Kind } from "../core/content";
import { quote } from "../core/filter";
import { language, t } from "../core/i18n";
import { useResource } from "../core/resource";
import { Condition } from "../ui/condition";
import { Text } from "../ui/text";

function Names({ title, names, href, plain }:
  { title: string; names: readonly string[]; href: (name: string) => string; plain?: boolean }) {
  if (names.length === 0) return null;
  return (
    <>
      <h3>{title}</h3>
      <ul class="names">{names.map((name) => <li key={name}><a href={href(name)}><Text of={name} mono={!plain} /></a></li>)}</ul>
    </>
  );
}

function Texts({ of }: { of: Document }) {
  const texts = of.texts?.[language.value] ?? of.texts?.en;
  return (
    <>
      {texts?.title && <h2 class="rule-title"><Text of={texts.title} /></h2>}
      {of.description && <p class="lead"><Text of={of.description.trim()} /></p>}
      {texts?.why && <section><h2 class="sub">{t("rules.why")}</h2><p><Text of={texts.why.trim()} /></p></section>}
      {texts?.next && texts.next.length > 0 && (
        <section><h2 class="sub">{t("rules.next")}</h2>
          <ol>{texts.next.map((step) => <li key={step}><Text of={step} /></li>)}</ol></section>
      )}
    </>
  );
}

function Output({ of }: { of: string }) {
  return (
    <pre class="rule-condition output" tabIndex={0}>
      {of.split(/(%(?:\d+)?[a-z][\w.]*(?:\[[^\]]*\])?)/).map((piece, i) =>
        i % 2 === 1 ? <span key={i} class="c-field">{piece}</span> : piece && <Text key={i} of={piece} />)}
    </pre>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function Facts({ of }: { of: Document }) {
  const tags = of.tags ?? [];
  return (
    <dl class="rule-facts">
      <Fact name={t("rules.priority")}><Text of={of.priority} /></Fact>
      <Fact name={t("rules.source")}><Text of={of.source} mono /></Fact>
      <Fact name={t("rules.policies")}>
        {(of.policies ?? []).length === 0 ? <span class="faint">{t("rules.noPolicy")}</span>
          : (of.policies ?? []).map((name) =>
            <div key={name}><a href={`/policies/${encodeURIComponent(name)}`}><Text of={name} /></a></div>)}
      </Fact>
      {tags.length > 0 && (
        <Fact name={t("rules.tags")}>
          <ul class="tags">{tags.map((tag) =>
            <li key={tag}><a class="tag" href={`/rules?tag=${encodeURIComponent(tag)}`}><Text of={tag} /></a></li>)}</ul>
        </Fact>
      )}
      <Fact name={t("rules.findings")}>
        <a href={`/findings?time=all&view=all&filter=${encodeURIComponent(`rule = ${quote(of.name)}`)}`}>
          {t("rules.toFindings")}</a>
      </Fact>
    </dl>
  );
}

function UsedByRules({ name }: { name: string }) {
  const usage = useResource(`usage ${name}`, (signal) => api("GET /v1/macros/{name}/usage", { path: { name }, signal }));
  if (!usage.data) return null;
  const { rules, macros, policies } = usage.data;
  return (
    <section class="panel">
      <h2>{t("rules.usedBy")}</h2>
      {rules.length + macros.length === 0 && <p class="faint">{t("rules.unused")}</p>}
      <Names title={t("rules.rules")} names={rules} plain href={(one) => pathOf("rules", one)} />
      <Names title={t("rules.macros")} names={macros} href={(one) => pathOf("macros", one)} />
      <Names title={t("rules.policies")} names={policies} plain href={(one) => `/policies/${encodeURIComponent(one)}`} />
    </section>
  );
}

function Uses({ of }: { of: Document }) {
  const { macros = [], lists = [] } = of.uses ?? {};
  if (macros.length + lists.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t("rules.uses")}</h2>
      <Names title={t("rules.lists")} names={lists} href={(one) => `/lists/${encodeURIComponent(one)}`} />
      <Names title={t("rules.macros")} names={macros} href={(one) => pathOf("macros", one)} />
    </section>
  );
}

export function Overview({ kind, of }: { kind: Kind; of: Document }) {
  return (
    <div class="columns reverse">
      <div class="rule-main">
        {kind === "rules" && <Texts of={of} />}
        <section>
          <h2 class="sub">{t("rules.condition")}</h2>
          {of.condition === undefined ? <p class="note warn">{t("rules.notLoaded")}</p>
            : <Condition of={of.condition} macros={of.uses?.macros ?? []} lists={of.uses?.lists ?? []} />}
          <p class="faint small">{t("rules.conditionHelp")}</p>
        </section>
        {of.output && <section><h2 class="sub">{t("rules.output")}</h2><Output of={of.output.trim()} /></section>}
      </div>
      <aside class="rule-aside">
        {kind === "rules" && <section class="panel"><h2>{t("rules.facts")}</h2><Facts of={of} /></section>}
        <Uses of={of} />
        {kind === "macros" && <UsedByRules name={of.name} />}
      </aside>
    </div>
  );
}
