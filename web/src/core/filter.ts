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
  if (field === "band") return `${not ? "not " : ""}severity = ${value}`;
  return `${field} ${not ? "!=" : "="} ${quote(value)}`;
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
  if (written.trim()) parts.push(parts.length > 0 ? `(${written.trim()})` : written.trim());
  return parts.join(" and ");
}
