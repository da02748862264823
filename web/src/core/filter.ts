// The findings' filter: what was chosen by clicking (is, is not) and what was written, as one text of the server's
// filter language.

export interface Choice {
  field: string;
  /** null: it has no value */
  value: string | null;
  not: boolean;
}

export const VIEWS = ["open", "archived", "suppressed", "all"] as const;
export type View = (typeof VIEWS)[number];

const STATUS: Record<View, string> = {
  open: "status in (new, acknowledged)", archived: "status = archived", suppressed: "status = suppressed", all: "",
};

/** What words are looked for in, as the server does it. */
const SEARCHED = ["rule", "type", "file", "domain", "item", "container.name", "container.image", "container.id", "proc.name",
  "proc.exepath", "proc.cmdline", "user.name", "host", "ecs.cluster", "ecs.task.id"];

export function quote(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** In the address: "rule=Name", "!rule=Name", "!rule" (has no value), "rule" (has one). */
export function choiceText(choice: Choice): string {
  if (choice.value === null) return (choice.not ? "" : "!") + choice.field;
  return `${choice.not ? "!" : ""}${choice.field}=${choice.value}`;
}

export function parseChoice(text: string): Choice | null {
  const found = /^(!?)([a-z][a-z0-9._]*)(?:=([\s\S]*))?$/.exec(text);
  if (!found) return null;
  const [, bang, field = "", value] = found;
  if (value === undefined) return { field, value: null, not: bang === "" };
  return { field, value, not: bang === "!" };
}

function condition(choice: Choice): string {
  const { field, value, not } = choice;
  if (value === null) return not ? `${field} exists` : `not ${field} exists`;
  if (field === "band") return `${not ? "not " : ""}severity = ${quote(value)}`;
  if (field === "tag") return `${not ? "not " : ""}tag intersects (${quote(value)})`;
  return not ? `not ${field} = ${quote(value)}` : `${field} = ${quote(value)}`;
}

function both(parts: string[], written: string): string {
  const own = written.trim();
  if (!own) return parts.join(" and ");
  return [...parts, parts.length > 0 ? `(${own})` : own].join(" and ");
}

/** Choices of one field are alternatives, those that exclude are not. */
export function filterText(view: View, choices: Choice[], written: string): string {
  const parts: string[] = STATUS[view] ? [STATUS[view]] : [];
  const fields = [...new Set(choices.map((c) => c.field))];
  for (const field of fields) {
    const wanted = choices.filter((c) => c.field === field && !c.not).map(condition);
    if (wanted.length > 0) parts.push(wanted.length > 1 ? `(${wanted.join(" or ")})` : wanted.join(""));
    parts.push(...choices.filter((c) => c.field === field && c.not).map(condition));
  }
  return both(parts, written);
}

/** A whole query as one filter, for those who only know filters: the command line, suppressions. */
export function wholeFilter(query: { filter: string; text: string; from?: string | undefined; to?: string | undefined }): string {
  const parts = query.filter ? [`(${query.filter})`] : [];
  for (const word of query.text.split(/\s+/).filter(Boolean)) {
    parts.push(`(${SEARCHED.map((field) => `${field} icontains ${quote(word)}`).join(" or ")})`);
  }
  if (query.from) parts.push(`last_seen >= ${query.from}`);
  if (query.to) parts.push(`last_seen < ${query.to}`);
  return parts.length === 1 && query.filter ? query.filter : parts.join(" and ");
}
