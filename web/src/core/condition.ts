// A rule's condition taken apart for display: which words are fields, operators, values, names of macros and lists.
// The engine alone says what is right; what is wrong is shown here as well as it can be.

export type TokenKind = "keyword" | "operator" | "field" | "function" | "name" | "item" | "text" | "number" | "sign" | "blank";

export interface Token {
  kind: TokenKind;
  text: string;
  /** Offset in the condition. */
  from: number;
}

export const OPERATORS: ReadonlySet<string> = new Set(["contains", "icontains", "bcontains", "startswith", "bstartswith",
  "endswith", "glob", "iglob", "regex", "in", "intersects", "pmatch", "exists", "oneof", "anyof", "allof"]);
const KEYWORDS: ReadonlySet<string> = new Set(["and", "or", "not"]);
const LISTED: ReadonlySet<string> = new Set(["in", "intersects", "pmatch", "oneof", "anyof", "allof"]);
const PIECE = /\s+|"(?:[^"\\]|\\[\s\S])*"?|'(?:[^'\\]|\\[\s\S])*'?|[=!<>]=|[=<>(),]|[^\s()"'=,<>]+/g;

/** What may come at a place. */
export type Expected = "left" | "operator" | "value" | "items";

interface State {
  expected: Expected;
  /** Parentheses that are open: of a list of values, of a function, or of a part of the condition. */
  open: Array<"items" | "function" | "part">;
  last: string;
}

function ofSign(text: string, state: State): TokenKind {
  if (text === "(") {
    const listed = LISTED.has(state.last);
    state.open.push(listed ? "items" : state.last === "function" ? "function" : "part");
    state.expected = listed ? "items" : "left";
    return "sign";
  }
  if (text === ")") {
    const closed = state.open.pop();
    state.expected = closed === "function" && state.last !== "value" ? "operator" : "left";
    return "sign";
  }
  if (text === ",") return "sign";
  state.expected = "value";
  return "operator";
}

function ofValue(text: string, state: State): TokenKind {
  if (state.expected === "value") state.expected = "left";
  if (/^["']/.test(text)) return "text";
  return /^[+-]?(0x[0-9a-f]+|\d+)$/i.test(text) ? "number" : "item";
}

function ofLeft(text: string, next: string, state: State): TokenKind {
  if (KEYWORDS.has(text)) return "keyword";
  if (next === "(") return "function";
  if (text.includes(".")) {
    state.expected = state.open.at(-1) === "function" ? "left" : "operator";
    return "field";
  }
  return /^["']/.test(text) ? "text" : "name";
}

function ofWord(text: string, next: string, state: State): TokenKind {
  if (state.expected === "operator" && OPERATORS.has(text)) {
    state.expected = text === "exists" ? "left" : "value";
    return "operator";
  }
  if (state.expected === "value" && OPERATORS.has(text)) return "operator";
  if (state.expected === "value" && next === "(") {
    state.expected = "left";
    return "function";
  }
  if (state.expected === "value" || state.expected === "items") return ofValue(text, state);
  if (state.expected === "operator" && KEYWORDS.has(text)) state.expected = "left";
  return ofLeft(text, next, state);
}

function scan(text: string): { tokens: Token[]; state: State } {
  const state: State = { expected: "left", open: [], last: "" };
  const tokens: Token[] = [];
  for (const match of text.matchAll(PIECE)) {
    const piece = match[0];
    const from = match.index;
    if (/^\s/.test(piece)) {
      tokens.push({ kind: "blank", text: piece, from });
      continue;
    }
    const next = text[from + piece.length] ?? "";
    const kind = /^([=!<>]=|[=<>(),])$/.test(piece) ? ofSign(piece, state) : ofWord(piece, next, state);
    state.last = kind === "function" ? "function" : kind === "operator" ? piece : kind;
    tokens.push({ kind, text: piece, from });
  }
  return { tokens, state };
}

export function tokens(condition: string): Token[] {
  return scan(condition).tokens;
}

/** What may be written behind this beginning of a condition, whose last word may be unfinished. */
export function expectedAfter(condition: string): { expected: Expected; word: string } {
  const word = /[^\s()"'=,<>!]*$/.exec(condition)?.[0] ?? "";
  return { expected: scan(condition.slice(0, condition.length - word.length)).state.expected, word };
}
