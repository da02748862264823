// What the items of a list are, guessed from some of them, and what a file of indicators looks like, from its start.
export const KINDS = ["text", "filename", "path", "domain", "hash", "address"] as const;
export type Kind = (typeof KINDS)[number];

const FORMS: ReadonlyArray<readonly [Kind, RegExp]> = [
  ["hash", /^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64})$/],
  ["address", /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+)$/],
  ["path", /^\/[^*?[\]]*$/],
  ["domain", /^\.[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/],
];

/** The kind that all of them are in the form of; text when there is none. */
export function kindOfItems(items: readonly string[]): Kind {
  if (items.length === 0) return "text";
  return FORMS.find(([, form]) => items.every((item) => form.test(item)))?.[0] ?? "text";
}

/** Of a feed, whose items are not in our form yet. */
export function kindOfFeed(items: readonly string[]): Kind {
  const dotted = items.map((item) => /^(?:https?:\/\/)?[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:[:/].*)?$/i.test(item) &&
    !/\.(?:txt|sh|py|exe|elf|so|pl|php|js|bin|dat|zip|gz)$/i.test(item) ? item.toLowerCase() : "");
  const kind = kindOfItems(items.map((item) => item.toLowerCase()));
  return kind === "text" && items.length > 0 && dotted.every(Boolean) ? "domain" : kind;
}

/** Lines that hold something, each once; blanks around them do not count. */
export function linesOf(text: string): string[] {
  return [...new Set(text.split(/\r?\n/).map((line) => line.trim()).filter(Boolean))];
}

/** Fields of one line of CSV. */
export function fieldsOf(line: string, delimiter: string): string[] {
  const fields: string[] = [];
  let field = "";
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i] ?? "";
    if (quoted ? c === "\"" : c === "\"" && field === "") {
      if (quoted && line[i + 1] === "\"") field += line[++i];
      else quoted = !quoted;
    } else if (c === delimiter && !quoted) {
      fields.push(field);
      field = "";
    } else {
      field += c;
    }
  }
  return [...fields, field];
}

export interface Feed {
  csv: boolean;
  delimiter: string;
  header: boolean;
  /** Of CSV: the rows without the header. */
  columns: string[];
  rows: string[][];
}

const DELIMITERS = [",", ";", "\t", "|"];

function delimiterOf(lines: readonly string[]): string | undefined {
  return DELIMITERS.find((delimiter) => {
    const counts = lines.map((line) => fieldsOf(line, delimiter).length);
    return (counts[0] ?? 1) > 1 && counts.every((count) => count === counts[0]);
  });
}

/** Names have no dots, slashes or digits alone; indicators mostly do. */
function isHeader(fields: readonly string[]): boolean {
  return fields.length > 0 && fields.every((field) => /^[A-Za-z][A-Za-z _()-]*\d?$/.test(field.trim()));
}

/** `text` is the beginning of the file, up to the end of a line. */
export function feedOf(text: string, name: string, csv?: boolean, delimiter?: string): Feed {
  const lines = text.replace(/^\ufeff/, "").split(/\r?\n/)
    .filter((line) => line.trim() && !/^\s*[#;]/.test(line)).slice(0, 50);
  const found = delimiter ?? delimiterOf(lines) ?? (/\.tsv$/i.test(name) ? "\t" : ",");
  const isCsv = csv ?? (/\.(?:csv|tsv)$/i.test(name) || delimiterOf(lines) !== undefined);
  if (!isCsv) return { csv: false, delimiter: found, header: false, columns: [], rows: lines.map((line) => [line.trim()]) };
  const rows = lines.map((line) => fieldsOf(line, found).map((field) => field.trim()));
  const header = rows.length > 1 && isHeader(rows[0] ?? []) && !isHeader(rows[1] ?? []);
  return { csv: true, delimiter: found, header, columns: header ? rows[0] ?? [] : [], rows: header ? rows.slice(1) : rows };
}

const INDICATOR = /^(?:indicator|ioc|value|domain|host|hostname|url|ip|address|hash|sha256|sha1|md5|path|file|filename|name)s?$/i;

/** The column, from 1, that most likely holds the indicators. */
export function columnOf(feed: Feed): number {
  const named = feed.columns.findIndex((column) => INDICATOR.test(column.trim()));
  if (named >= 0) return named + 1;
  const width = Math.max(0, ...feed.rows.map((row) => row.length));
  for (let i = 0; i < width; i++) {
    const items = feed.rows.map((row) => row[i] ?? "").filter(Boolean);
    if (items.length > 0 && kindOfFeed(items) !== "text") return i + 1;
  }
  return 1;
}
