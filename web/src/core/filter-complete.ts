// What may come next in a filter that somebody writes: a field, an operator, a value, or how it goes on.
import { quote } from "./filter";

export interface KnownField { name: string; type: string; list: boolean; argument: boolean; doc: string; over: string[] }

export type Slot =
  | { kind: "field" | "operator" | "join"; from: number; to: number; prefix: string; field: string }
  | { kind: "value"; from: number; to: number; prefix: string; field: string; listed: boolean };

interface Token { text: string; from: number; to: number; kind: "word" | "text" | "sign" }

const SIGNS = ["<=", ">=", "==", "!=", "=", "<", ">", "(", ")", ","];
const WORD_OPERATORS = new Set(["exists", "contains", "icontains", "bcontains", "startswith", "bstartswith", "endswith", "glob",
  "iglob", "regex", "in", "intersects", "pmatch"]);
/** Operators whose values stand in parentheses. */
export const LISTED: ReadonlySet<string> = new Set(["in", "intersects", "pmatch"]);
const JOINS = new Set(["and", "or"]);

function endOfText(text: string, from: number, mark: string): number {
  let at = from + 1;
  while (at < text.length && text[at] !== mark) at += text[at] === "\\" ? 2 : 1;
  return Math.min(text.length, at + 1);
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length && !/[\s(),=<>!"']/.test(text[at] ?? "")) at++;
  return Math.max(at, from + 1);
}

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < text.length;) {
    const c = text[at] ?? "";
    if (/\s/.test(c)) {
      at++;
      continue;
    }
    const sign = SIGNS.find((s) => text.startsWith(s, at));
    const to = sign ? at + sign.length : c === "\"" || c === "'" ? endOfText(text, at, c) : endOfWord(text, at);
    found.push({ text: text.slice(at, to), from: at, to, kind: sign ? "sign" : c === "\"" || c === "'" ? "text" : "word" });
    at = to;
  }
  return found;
}

type State = { wants: Slot["kind"]; field: string; listed: boolean };

function isOperator(token: Token): boolean {
  return token.kind === "sign" ? !/[(),]/.test(token.text) : WORD_OPERATORS.has(token.text);
}

function after(state: State, token: Token): State {
  const { field } = state;
  switch (state.wants) {
    case "field":
      if (token.text === "(" || token.text === "not") return state;
      return { wants: "operator", field: token.text, listed: false };
    case "operator":
      if (token.text === "exists") return { wants: "join", field, listed: false };
      return isOperator(token) ? { wants: "value", field, listed: false } : state;
    case "value":
      if (token.text === "(") return { wants: "value", field, listed: true };
      if (state.listed && token.text === ",") return state;
      if (token.text === ")") return { wants: "join", field, listed: false };
      return { wants: state.listed ? "value" : "join", field, listed: state.listed };
    default:
      return JOINS.has(token.text) ? { wants: "field", field: "", listed: false } : state;
  }
}

/** What is being written at the cursor, and what stands there already. */
export function slotAt(text: string, cursor: number): Slot {
  let state: State = { wants: "field", field: "", listed: false };
  let current: Token | undefined;
  for (const token of tokens(text)) {
    if (token.from >= cursor) break;
    if (token.to >= cursor && token.kind !== "sign") {
      current = token;
      break;
    }
    state = after(state, token);
  }
  const from = current?.from ?? cursor;
  const to = current?.to ?? cursor;
  const prefix = text.slice(from, cursor);
  return state.wants === "value"
    ? { kind: "value", from, to, prefix: prefix.replace(/^["']/, ""), field: state.field, listed: state.listed }
    : { kind: state.wants, from, to, prefix, field: state.field };
}

/** A value as filters have it: bare, or in quotes when it has to be. */
export function written(value: string): string {
  return /^[A-Za-z0-9_./:@+-]+$/.test(value) && !JOINS.has(value) && value !== "not" ? value : quote(value);
}

export function isOrdered(type: string): boolean {
  return /^(U?INT\d+|DOUBLE|PORT|ABSTIME|RELTIME)$/.test(type);
}

/** Operators that a field of this type takes, the usual ones first. */
export function operatorsOf(field: KnownField | undefined, all: readonly string[]): string[] {
  const usual = !field ? []
    : isOrdered(field.type) ? [">=", "=", "<=", ">", "<", "!=", "in", "exists"]
      : field.list || field.name === "tag" ? ["intersects", "in", "exists"]
        : ["=", "in", "contains", "startswith", "icontains", "endswith", "!=", "glob", "exists"];
  return [...usual, ...(field ? [] : all)].filter((operator) => all.includes(operator));
}

/** First what begins so, then what has it within. */
export function fitting<T>(all: readonly T[], prefix: string, nameOf: (one: T) => string, most: number): T[] {
  const wanted = prefix.toLowerCase();
  const begins = all.filter((one) => nameOf(one).toLowerCase().startsWith(wanted));
  const within = wanted ? all.filter((one) => nameOf(one).toLowerCase().indexOf(wanted) > 0) : [];
  return [...begins, ...within].slice(0, most);
}

/** Values that do not depend on what is kept. */
export function fixedValues(field: KnownField | undefined): string[] | null {
  if (field?.name === "severity") return ["critical", "high", "medium", "low", "info", "7.0", "9.0"];
  if (field?.name === "status") return ["new", "acknowledged", "archived", "suppressed"];
  if (field?.name === "kind") return ["exec", "connect", "dns", "write"];
  if (field?.type === "ABSTIME") return ["-1h", "-24h", "-7d", "-30d"];
  if (field?.type === "BOOL") return ["true", "false"];
  return null;
}
