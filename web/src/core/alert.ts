// What an alert says beside the finding's columns. It came from outside: every member is looked at before it is used.

export interface Process {
  pid: number | null;
  /** As the container knows it. */
  nsPid: number | null;
  name: string;
  exe: string;
  args: string;
  uid: number | null;
  start: string | null;
}

export interface Evidence { list: string; item: string; field: string }

function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function whole(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

/** From the oldest ancestor to the process itself; alerts have it the other way round. */
export function lineageOf(alert: unknown): Process[] {
  return list(record(record(alert).hinomi).lineage).map((p) => ({
    pid: whole(p.pid), nsPid: whole(p.ns_pid), name: text(p.name), exe: text(p.exe), args: text(p.args), uid: whole(p.uid),
    start: text(p.start) || null,
  })).reverse();
}

export function evidenceOf(alert: unknown): Evidence[] {
  return list(record(record(alert).hinomi).evidence)
    .map((e) => ({ list: text(e.list), item: text(e.item), field: text(e.field) }));
}

export function fieldsOf(alert: unknown): Record<string, unknown> {
  return record(record(alert).output_fields);
}

export function timeOf(alert: unknown): number | null {
  const ms = Date.parse(text(record(alert).time));
  return Number.isNaN(ms) ? null : ms;
}

export function outputOf(alert: unknown): string {
  return text(record(alert).output);
}

export interface Part { text: string; field?: string }

/** A rule's sentence with its {fields} filled in; null when one has no value. */
export function sentence(template: string, fields: Record<string, unknown>): Part[] | null {
  const parts: Part[] = [];
  for (const piece of template.split(/(\{[a-z][a-z0-9._]*\})/)) {
    if (!piece.startsWith("{")) {
      if (piece) parts.push({ text: piece });
      continue;
    }
    const field = piece.slice(1, -1);
    const value = fields[field];
    if (value === undefined || value === null || value === "") return null;
    parts.push({ text: typeof value === "string" ? value : JSON.stringify(value), field });
  }
  return parts;
}
