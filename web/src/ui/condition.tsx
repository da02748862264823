// A condition with its words marked, and the macros and lists in it as links.
import { useMemo } from "preact/hooks";
import { tokens, type Token } from "../core/condition";
import { t } from "../core/i18n";
import { Text } from "./text";

interface Props {
  of: string;
  macros: readonly string[];
  lists: readonly string[];
}

function linkOf(token: Token, macros: ReadonlySet<string>, lists: ReadonlySet<string>): [string, string] | null {
  if (token.kind === "name" && macros.has(token.text)) return [`/macros/${encodeURIComponent(token.text)}`, "rules.isMacro"];
  if (token.kind === "item" && lists.has(token.text)) return [`/lists/${encodeURIComponent(token.text)}`, "rules.isList"];
  return null;
}

export function Condition({ of, macros, lists }: Props) {
  const parts = useMemo(() => tokens(of.trimEnd()), [of]);
  const known = { macros: new Set(macros), lists: new Set(lists) };
  return (
    <pre class="rule-condition" tabIndex={0}>
      {parts.map((token) => {
        if (token.kind === "blank") return token.text;
        const link = linkOf(token, known.macros, known.lists);
        if (!link) return <span key={token.from} class={`c-${token.kind}`}><Text of={token.text} /></span>;
        return (
          <a key={token.from} href={link[0]} class={link[1] === "rules.isList" ? "c-list" : "c-macro"}
            title={t(link[1] === "rules.isList" ? "rules.isList" : "rules.isMacro")}><Text of={token.text} /></a>
        );
      })}
    </pre>
  );
}
