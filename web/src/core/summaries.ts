// Summaries by a language model: the languages to choose from, and what a configuration says to have them.
import { language } from "./i18n";

/** Those that are offered; any other can be written as its tag. */
const OFFERED = ["en", "ja", "de", "es", "fr", "hi", "id", "it", "ko", "pt-BR", "th", "vi", "zh-Hans", "zh-Hant"] as const;

/** By its form alone, as the server checks it. */
export function isTag(text: string): boolean {
  return text.length <= 35 && /^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(text);
}

/** What the reader calls a language. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([language.value], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** The reader's own first, then the server's, then the others by name. */
export function languagesFor(own: string, servers: string): string[] {
  const first = [own, ...(isTag(servers) ? [servers] : [])];
  const rest = OFFERED.filter((tag) => !first.includes(tag))
    .sort((a, b) => languageName(a).localeCompare(languageName(b), language.value));
  return [...new Set([...first, ...rest])];
}

export const PROVIDERS = ["bedrock", "openai", "anthropic"] as const;
export type Provider = (typeof PROVIDERS)[number];

/** What turns it on, in the server's configuration. */
export const CONFIGURATION: Record<Provider, string> = {
  bedrock: `summaries:
  provider: bedrock
  region: eu-central-1
  model: eu.anthropic.claude-sonnet-4-20250514-v1:0
`,
  openai: `summaries:
  provider: openai
  endpoint: https://llm.example.com
  model: qwen2.5-14b-instruct
  key_file: /etc/hinomi/summaries.key
`,
  anthropic: `summaries:
  provider: anthropic
  model: claude-sonnet-4-20250514
  key_file: /etc/hinomi/summaries.key
`,
};
