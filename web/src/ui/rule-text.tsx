// The text of a rule, to be read: with line numbers and the colours of the editor.
import { useMemo } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { marks } from "../core/rule-text";
import { Text } from "./text";

const MOST = 200_000;

/** Pieces of each line; a mark never crosses one. */
function linesOf(text: string): ComponentChildren[][] {
  const lines: ComponentChildren[][] = [[]];
  const add = (piece: string, kind?: string) => piece.split("\n").forEach((part, i) => {
    if (i > 0) lines.push([]);
    if (part) lines.at(-1)?.push(<span class={kind ? `c-${kind}` : "c-rest"}><Text of={part} /></span>);
  });
  let at = 0;
  for (const mark of text.length > MOST ? [] : marks(text)) {
    add(text.slice(at, mark.from));
    add(text.slice(mark.from, mark.to), mark.kind);
    at = mark.to;
  }
  add(text.slice(at));
  return lines;
}

export function RuleText({ of }: { of: string }) {
  const lines = useMemo(() => linesOf(of.replace(/\n$/, "")), [of]);
  return (
    <pre class="rule-text" tabIndex={0}>
      {lines.map((line, i) => <span key={i} class="code-line">{line}{"\n"}</span>)}
    </pre>
  );
}
