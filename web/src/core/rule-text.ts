// A file of rules as somebody writes it, perhaps not finished: which key each place belongs to, and what its words are.
// The engine reads YAML; this only finds enough of its shape for colours and for completing words.
import { tokens, type TokenKind } from "./condition";

export interface Region {
  /** What the item is: rule, macro, list; or "" where nothing says so yet. */
  item: string;
  key: string;
  /** The key that this one is within: override, exceptions. */
  parent: string;
  keyFrom: number;
  keyTo: number;
  /** The value, to its end. */
  from: number;
  to: number;
}

export interface Mark {
  from: number;
  to: number;
  kind: TokenKind | "key" | "comment" | "variable";
}

export const ITEMS = ["rule", "macro", "list"] as const;
/** Keys whose value is one text, over as many lines as are farther in. */
const TEXTS: ReadonlySet<string> = new Set(["condition", "output", "desc"]);
const KEY = /^(\s*(?:- +)*)([A-Za-z_][\w-]*):(?=\s|$)/;

interface Open { region: Region; column: number }

function isWithin(open: Open | undefined, indent: number): boolean {
  return open !== undefined && TEXTS.has(open.region.key) && indent > open.column;
}

function parentOf(stack: Open[], column: number): string {
  while (stack.length > 0 && (stack.at(-1)?.column ?? 0) >= column) stack.pop();
  return stack.at(-1)?.region.key ?? "";
}

export function regions(text: string): Region[] {
  const found: Region[] = [];
  const stack: Open[] = [];
  let item = "";
  let at = 0;
  for (const line of text.split("\n")) {
    const indent = line.length - line.trimStart().length;
    const last = stack.at(-1);
    const match = line.trim() === "" || isWithin(last, indent) ? null : KEY.exec(line);
    if (match) {
      const [whole, before = "", key = ""] = match;
      const column = before.length;
      const parent = parentOf(stack, column);
      if (/^-/.test(line)) item = (ITEMS as readonly string[]).includes(key) ? key : "";
      const region = { item, key, parent, keyFrom: at + column, keyTo: at + column + key.length,
        from: at + whole.length, to: at + line.length };
      found.push(region);
      stack.push({ region, column });
    } else if (last && (line.trim() === "" || isWithin(last, indent))) {
      last.region.to = at + line.length;
    } else if (last && !line.trimStart().startsWith("#")) {
      last.region.to = at + line.length;
    }
    at += line.length + 1;
  }
  return found;
}

/** Where the text of a value begins: behind > or |. */
function valueStart(text: string, region: Region): number {
  const head = /^[ \t]*(?:[>|][+-]?\d?[+-]?)?/.exec(text.slice(region.from, region.to))?.[0] ?? "";
  return region.from + head.length;
}

function ofCondition(text: string, region: Region): Mark[] {
  const from = valueStart(text, region);
  return tokens(text.slice(from, region.to)).filter((token) => token.kind !== "blank")
    .map((token) => ({ from: from + token.from, to: from + token.from + token.text.length, kind: token.kind }));
}

function ofOutput(text: string, region: Region): Mark[] {
  return [...text.slice(region.from, region.to).matchAll(/%\d*[a-z][\w.]*(?:\[[^\]]*\])?/g)]
    .map((match) => ({ from: region.from + match.index, to: region.from + match.index + match[0].length, kind: "variable" }));
}

function ofComments(text: string, inText: (at: number) => boolean): Mark[] {
  return [...text.matchAll(/(^|[ \t])#.*$/gm)]
    .map((match) => ({ from: match.index + (match[1]?.length ?? 0), to: match.index + match[0].length,
      kind: "comment" as const }))
    .filter((mark) => !inText(mark.from));
}

/** All words that have a colour, in order, none over another. */
export function marks(text: string): Mark[] {
  const all = regions(text);
  const texts = all.filter((region) => TEXTS.has(region.key));
  const comments = ofComments(text, (at) => texts.some((region) => at >= region.from && at < region.to));
  const keys = all.map((region): Mark => ({ from: region.keyFrom, to: region.keyTo, kind: "key" }));
  const words = all.flatMap((region) => region.key === "condition" && region.parent !== "override" ? ofCondition(text, region)
    : region.key === "output" && region.parent !== "override" ? ofOutput(text, region) : []);
  const sorted = [...comments, ...keys, ...words].sort((a, b) => a.from - b.from || a.to - b.to);
  return sorted.filter((mark, i) => i === 0 || mark.from >= (sorted[i - 1]?.to ?? 0));
}

export type Place =
  | { at: "key"; item: string; parent: string; word: string; has: string[] }
  | { at: "value"; item: string; key: string; parent: string; before: string };

/** What is being written at an offset. */
export function placeOf(text: string, offset: number): Place {
  const lineStart = text.lastIndexOf("\n", offset - 1) + 1;
  const line = text.slice(lineStart, offset);
  const before = regions(text.slice(0, offset));
  const last = before.at(-1);
  const indent = line.length - line.trimStart().length;
  const word = /^\s*(?:- +)*([\w-]*)$/.exec(line);
  const inText = last && TEXTS.has(last.key) && last.keyFrom < lineStart &&
    indent > last.keyFrom - (text.lastIndexOf("\n", last.keyFrom - 1) + 1);
  if (word && !inText && !(last && last.keyFrom >= lineStart)) {
    const whole = regions(text);
    const mine = whole.filter((region) => region.keyFrom < offset).at(-1);
    const parent = last && indent > columnOf(text, last.keyFrom) && !TEXTS.has(last.key) ? last.key
      : last && last.parent !== "" && indent >= columnOf(text, last.keyFrom) ? last.parent : "";
    const fresh = /^-/.test(line) || (mine === undefined);
    return { at: "key", item: fresh ? "" : last?.item ?? "", parent, word: word[1] ?? "", has: keysOfItem(before) };
  }
  if (!last) return { at: "value", item: "", key: "", parent: "", before: line };
  const start = Math.min(valueStart(text, last), offset);
  return { at: "value", item: last.item, key: last.key, parent: last.parent, before: text.slice(start, offset) };
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf("\n", offset - 1) + 1);
}

/** The keys that the last item has already. */
function keysOfItem(all: readonly Region[]): string[] {
  const start = all.findLastIndex((region) => (ITEMS as readonly string[]).includes(region.key) && region.parent === "");
  return all.slice(Math.max(0, start)).filter((region) => region.parent === "").map((region) => region.key);
}

/** The names that a text's items define or change. */
export function namesIn(text: string): Array<{ kind: string; name: string }> {
  return regions(text).filter((region) => (ITEMS as readonly string[]).includes(region.key) && region.parent === "")
    .map((region) => ({ kind: region.key, name: text.slice(region.from, region.to).trim().replace(/^(["'])(.*)\1$/s, "$2") }));
}
