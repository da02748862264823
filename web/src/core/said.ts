// What the server and the rule engine say in English, for a reader of Japanese: their sentences are known by their
// text, with {} for what changes, and loaded only when they are wanted. What is not known stays as it was said.
import { effect, signal } from "@preact/signals";
import { language } from "./i18n";

export type Sentences = ReadonlyArray<readonly [english: string, japanese: string]>;

interface Sentence {
  pattern: RegExp;
  japanese: string;
}

interface Known {
  whole: Map<string, string>;
  patterns: Sentence[];
}

const LONGEST = 4000;

export function known(of: Sentences): Known {
  const whole = new Map<string, string>();
  const patterns: Sentence[] = [];
  for (const [english, japanese] of of) {
    if (!english.includes("{}")) {
      whole.set(english, japanese);
      continue;
    }
    const parts = english.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    patterns.push({ pattern: new RegExp(`^${parts.join("([^]*?)")}$`), japanese });
  }
  return { whole, patterns };
}

/** The sentence in Japanese; undefined: not known. What stands for {} may be such a sentence itself. */
export function translated(message: string, of: Known, depth = 2): string | undefined {
  if (message.length > LONGEST) return undefined;
  const same = of.whole.get(message);
  if (same !== undefined) return same;
  for (const { pattern, japanese } of of.patterns) {
    const found = pattern.exec(message);
    if (!found) continue;
    return japanese.replace(/\{(\d)\}/g, (_, n: string) => {
      const part = found[Number(n)] ?? "";
      return (depth > 0 ? translated(part, of, depth - 1) : undefined) ?? part;
    });
  }
  return undefined;
}

const japanese = signal<Known | undefined>(undefined);

if (typeof window !== "undefined") {
  effect(() => {
    if (language.value !== "ja" || japanese.peek()) return;
    void import("./said-ja").then((module) => { japanese.value = known(module.sentences); }, () => undefined);
  });
}

/** A sentence of the server in the reader's language, where it is known. */
export function said(message: string): string {
  if (language.value !== "ja" || !japanese.value) return message;
  return translated(message, japanese.value) ?? message;
}
