// What the editor offers while somebody writes a rule: keys, fields, operators, macros, lists.
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { expectedAfter, type Expected } from "../core/condition";
import { t, type Key } from "../core/i18n";
import { placeOf, type Place } from "../core/rule-text";
import { visibleText } from "../core/visible";
import type { ContentComplete } from "../generated/schemas";

type KeyPlace = Extract<Place, { at: "key" }>;
type ValuePlace = Extract<Place, { at: "value" }>;

const KEYS: Record<string, readonly string[]> = {
  "": ["rule", "macro", "list"],
  rule: ["desc", "condition", "output", "priority", "tags", "source", "enabled", "exceptions", "override", "append", "capture",
    "capture_duration", "warn_evttypes", "skip-if-unknown-filter"],
  macro: ["condition", "override", "append"],
  list: ["items", "override", "append"],
};
const WITHIN: Record<string, Record<string, readonly string[]>> = {
  exceptions: { rule: ["name", "fields", "comps", "values"] },
  override: {
    rule: ["condition", "output", "desc", "tags", "exceptions", "priority", "enabled", "capture", "warn_evttypes"],
    macro: ["condition"], list: ["items"],
  },
};
const FLAGS: ReadonlySet<string> = new Set(["enabled", "append", "capture", "warn_evttypes", "skip-if-unknown-filter"]);
const APPENDABLE: ReadonlySet<string> = new Set(["condition", "output", "desc", "tags", "exceptions", "items"]);

const keyHelp: Partial<Record<string, Key>> = {
  rule: "editor.key.rule", macro: "editor.key.macro", list: "editor.key.list", desc: "editor.key.desc",
  condition: "editor.key.condition", output: "editor.key.output", priority: "editor.key.priority", tags: "editor.key.tags",
  source: "editor.key.source", enabled: "editor.key.enabled", exceptions: "editor.key.exceptions",
  override: "editor.key.override", items: "editor.key.items",
};

function helped(name: string): Pick<Completion, "info"> {
  const key = keyHelp[name];
  return key ? { info: t(key as "editor.key.rule") } : {};
}

function ofKeys(place: KeyPlace): Completion[] {
  const names = place.parent ? WITHIN[place.parent]?.[place.item] ?? [] : KEYS[place.item] ?? [];
  return names.filter((name) => place.parent !== "" || !place.has.includes(name)).map((name) => ({
    label: name, type: "property", ...helped(name),
    apply: name === "condition" && !place.parent ? "condition: >\n    " : `${name}: `,
  }));
}

function fields(of: ContentComplete, prefix = ""): Completion[] {
  return of.fields.filter((field) => !field.deprecated).map((field) => ({
    label: prefix + field.name, type: "variable", detail: field.list ? `${field.type}…` : field.type, info: field.doc,
    ...(field.argument === "required" ? { apply: `${prefix}${field.name}[` } : {}),
  }));
}

type More = (name: string) => Partial<Completion>;

function documented(all: ReadonlyArray<{ name: string; doc: string }>, type: string, more: More = () => ({})) {
  return all.map(({ name, doc }): Completion => ({ label: name, type, info: doc, ...more(name) }));
}

function words(all: readonly string[], type = "keyword"): Completion[] {
  return all.map((label) => ({ label, type }));
}

function lists(of: ContentComplete): Completion[] {
  return of.lists.map(({ name, text_items: count }) => ({ label: name, type: "list", detail: t("list.itemCount", { count }) }));
}

function ofCondition(of: ContentComplete, expected: Expected): Completion[] {
  switch (expected) {
    case "operator": return [...documented(of.operators, "operator"), ...words(["and", "or"])];
    case "items": return lists(of);
    case "value": return [...words(["oneof", "anyof", "allof"], "operator"),
      ...documented(of.transformers, "function", (name) => ({ apply: `${name}(` }))];
    default: return [...words(["and", "or", "not"]), ...documented(of.macros, "macro", () => ({ boost: 1 })), ...fields(of),
      ...documented(of.transformers, "function", (name) => ({ apply: `${name}(` }))];
  }
}

/** Values and where the word that they replace begins, before the cursor. */
function ofValue(of: ContentComplete, place: ValuePlace): { options: Completion[]; word: string } {
  const word = /[\w-]*$/.exec(place.before)?.[0] ?? "";
  if (place.parent === "override") {
    return { options: words(APPENDABLE.has(place.key) ? ["append", "replace"] : ["replace"]), word };
  }
  if (place.key === "condition") {
    const { expected, word: last } = expectedAfter(place.before);
    return { options: ofCondition(of, expected), word: last };
  }
  if (place.key === "output") return { options: fields(of, "%"), word: /%[\w.]*$/.exec(place.before)?.[0] ?? "" };
  if (place.key === "priority") return { options: words(of.priorities.map((one) => one.toUpperCase())), word };
  if (place.key === "source") return { options: words(["syscall"]), word };
  if (FLAGS.has(place.key)) return { options: words(["true", "false"]), word };
  if (place.key === "items") return { options: lists(of), word: /[^\s,[\]]*$/.exec(place.before)?.[0] ?? "" };
  if (place.key === "fields") return { options: fields(of), word: /[\w.]*$/.exec(place.before)?.[0] ?? "" };
  if (place.key === "comps") return { options: documented(of.operators, "operator"), word };
  if (place.key === "rule" || place.key === "macro") {
    const names = place.key === "rule" ? of.rules : of.macros.map((macro) => macro.name);
    return { options: words(names, "text"), word: place.before.trimStart() };
  }
  return { options: [], word };
}

const ENOUGH = 1;

/** Names are somebody's: what cannot be seen in them is made visible. */
function shown(one: Completion): Completion {
  const label = visibleText(one.label);
  return { ...one, ...(label === one.label ? {} : { displayLabel: label }),
    ...(typeof one.info === "string" ? { info: visibleText(one.info) } : {}) };
}

export function completing(known: () => ContentComplete | undefined) {
  return (context: CompletionContext): CompletionResult | null => {
    const of = known();
    if (!of) return null;
    const place = placeOf(context.state.doc.toString(), context.pos);
    const { options, word } = place.at === "key" ? { options: ofKeys(place), word: place.word } : ofValue(of, place);
    const inList = place.at === "value" && place.key === "condition" && expectedAfter(place.before).expected === "items";
    if (options.length === 0 || (!context.explicit && word.length < ENOUGH && !inList)) return null;
    return { from: context.pos - word.length, options: options.map(shown), validFor: /^[%\w.[\]-]*$/ };
  };
}
