// Rules and macros as the server has them: all pages of them, and the routes by their kind.
import type { Document, DocumentSummary } from "../generated/schemas";
import { api } from "./api";

export type Kind = "rules" | "macros";
export const KINDS: readonly Kind[] = ["rules", "macros"];
export const ONE: Record<Kind, "rule" | "macro"> = { rules: "rule", macros: "macro" };

const PAGE = 1000;
/** More are not asked for; the search of the server finds them. */
const MOST = 20_000;

export async function allOf(kind: Kind, signal: AbortSignal): Promise<DocumentSummary[]> {
  const all: DocumentSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await api(`GET /v1/${kind}`, { query: { limit: PAGE, cursor }, signal });
    all.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && all.length < MOST);
  return all;
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
