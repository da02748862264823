// Rules and macros as the server has them: all pages of them, and the routes by their kind.
import type { Document, DocumentSummary } from "../generated/schemas";
import { api } from "./api";

export type Kind = "rules" | "macros";
export const KINDS: readonly Kind[] = ["rules", "macros"];
export const ONE: Record<Kind, "rule" | "macro"> = { rules: "rule", macros: "macro" };

/** With its title in the reader's language, where it has one. */
export type Item = DocumentSummary & { title?: string | undefined };
export interface All {
  items: readonly DocumentSummary[];
  titles: Record<string, Record<string, string>>;
}

const PAGE = 1000;
/** More are not asked for; the search of the server finds them. */
const MOST = 20_000;

export async function allOf(kind: Kind, signal: AbortSignal): Promise<All> {
  const items: DocumentSummary[] = [];
  let titles: All["titles"] = {};
  let cursor: string | undefined;
  do {
    const page = await api(`GET /v1/${kind}`, { query: { limit: PAGE, cursor }, signal });
    items.push(...page.items);
    titles = page.titles ?? titles;
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && items.length < MOST);
  return { items, titles };
}

export function titled(all: All, language: string): Item[] {
  const titles = all.titles[language] ?? {};
  return all.items.map((item) => ({ ...item, title: Object.hasOwn(titles, item.name) ? titles[item.name] : undefined }));
}

export function pathOf(kind: Kind, name: string, more = ""): string {
  return `/${kind}/${encodeURIComponent(name)}${more}`;
}

/** The text of a part; "own", "override" and the like. */
export function partOf(document: Document, part: string): Document["parts"][number] | undefined {
  return document.parts.find((one) => one.part === part);
}

/** The text that a user may edit here: one's own, or what changes the managed one. */
export function editable(document: Document): string | undefined {
  return partOf(document, document.origin === "own" ? "own" : "override")?.text;
}
