// Texts in English and Japanese. A key that one of them lacks, and a parameter that a call lacks, do not compile.
//
// In a text {name} stands for a parameter, {name|one|many} for a word by its number. Parameters may be an
// attacker's: what cannot be seen in them is made visible. Only the language that is read is loaded.
import { signal } from "@preact/signals";
import type { en } from "./en";
import { recall, remember } from "./storage";
import { visibleText } from "./visible";

export type Language = "en" | "ja";
export type Key = keyof typeof en;
export type Dictionary = Record<Key, string>;

type Name<S extends string> = S extends `${infer N}|${string}` ? N : S;
type Names<S extends string> = S extends `${string}{${infer P}}${infer Rest}` ? Name<P> | Names<Rest> : never;
type Params<K extends Key> = Names<(typeof en)[K]>;
type Args<K extends Key> = [Params<K>] extends [never] ? [] : [Record<Params<K>, string | number>];

const dictionaries: Partial<Record<Language, Dictionary>> = {};

const loaders: Record<Language, () => Promise<Dictionary>> = {
  en: () => import("./en").then((module) => module.en),
  ja: () => import("./ja").then((module) => module.ja),
};

/** Texts that are there already. */
export function provide(of: Language, texts: Dictionary): void {
  dictionaries[of] = texts;
}

function preferred(): Language {
  const kept = recall("language");
  if (kept === "en" || kept === "ja") return kept;
  const wanted = typeof navigator === "undefined" ? "en" : navigator.language;
  return wanted.startsWith("ja") ? "ja" : "en";
}

export const language = signal<Language>(preferred());

/** When its texts have come. */
export async function setLanguage(wanted: Language): Promise<void> {
  dictionaries[wanted] ??= await loaders[wanted]();
  language.value = wanted;
  remember("language", wanted);
  document.documentElement.lang = wanted;
}

/** Is there a text of this key? For keys made of what a server says. */
export function isKey(key: string): key is Key {
  return Object.hasOwn(dictionaries[language.value] ?? {}, key);
}

export function fill(text: string, params: Record<string, string | number>): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (_, name: string, one?: string, many?: string) => {
    const value = params[name] ?? "";
    if (one !== undefined && many !== undefined) return value === 1 || value === "1" ? one : many;
    return typeof value === "number" ? number(value) : visibleText(value);
  });
}

export function t<K extends Key>(key: K, ...args: Args<K>): string {
  const text = dictionaries[language.value]?.[key] ?? "";
  return args.length > 0 ? fill(text, args[0] as Record<string, string | number>) : text;
}

const numbers: Record<Language, Intl.NumberFormat> = { en: new Intl.NumberFormat("en"), ja: new Intl.NumberFormat("ja") };

export function number(value: number): string {
  return numbers[language.value].format(value);
}
