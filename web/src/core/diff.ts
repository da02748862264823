// The difference of two texts by lines, and unified differences taken apart for display.

export interface DiffLine {
  kind: "same" | "gone" | "new" | "place";
  text: string;
  /** Line numbers from 1, where known. */
  before?: number;
  after?: number;
}

/** Above this the texts are shown one after the other: comparing costs lines × lines. */
const MOST_LINES = 3000;
const AROUND = 3;

function linesOf(text: string): string[] {
  if (text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Lengths of the longest common subsequences of all endings. */
function lengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    const row = table[i] as Uint16Array;
    const below = table[i + 1] as Uint16Array;
    for (let k = b.length - 1; k >= 0; k--) {
      row[k] = a[i] === b[k] ? (below[k + 1] ?? 0) + 1 : Math.max(below[k] ?? 0, row[k + 1] ?? 0);
    }
  }
  return table;
}

function middle(a: readonly string[], b: readonly string[], first: number): DiffLine[] {
  const table = lengths(a, b);
  const lines: DiffLine[] = [];
  let i = 0;
  let k = 0;
  while (i < a.length || k < b.length) {
    if (i < a.length && k < b.length && a[i] === b[k]) {
      lines.push({ kind: "same", text: a[i] ?? "", before: first + ++i, after: first + ++k });
    } else if (i < a.length && (k >= b.length || (table[i + 1]?.[k] ?? 0) >= (table[i]?.[k + 1] ?? 0))) {
      lines.push({ kind: "gone", text: a[i] ?? "", before: first + ++i });
    } else {
      lines.push({ kind: "new", text: b[k] ?? "", after: first + ++k });
    }
  }
  return lines;
}

/** All lines of both texts, in order. */
export function diffLines(before: string, after: string): DiffLine[] {
  const a = linesOf(before);
  const b = linesOf(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const head = a.slice(0, start).map((text, i): DiffLine => ({ kind: "same", text, before: i + 1, after: i + 1 }));
  const tail = a.slice(a.length - end).map((text, i): DiffLine =>
    ({ kind: "same", text, before: a.length - end + i + 1, after: b.length - end + i + 1 }));
  const x = a.slice(start, a.length - end);
  const y = b.slice(start, b.length - end);
  const core = x.length + y.length <= MOST_LINES ? middle(x, y, start) : [
    ...x.map((text, i): DiffLine => ({ kind: "gone", text, before: start + i + 1 })),
    ...y.map((text, i): DiffLine => ({ kind: "new", text, after: start + i + 1 })),
  ];
  return [...head, ...core, ...tail];
}

/** Without what is the same far from any change. */
export function nearChanges(lines: readonly DiffLine[]): DiffLine[] {
  const near = lines.map(() => false);
  lines.forEach((line, i) => {
    if (line.kind === "same") return;
    for (let k = Math.max(0, i - AROUND); k <= Math.min(lines.length - 1, i + AROUND); k++) near[k] = true;
  });
  return lines.flatMap((line, i): DiffLine[] => {
    if (near[i]) return [line];
    return i === 0 || near[i - 1] ? [{ kind: "place", text: "" }] : [];
  });
}

/** A unified difference, as diff -u writes it. */
export function unified(text: string): DiffLine[] {
  let before = 0;
  let after = 0;
  return linesOf(text).flatMap((line): DiffLine[] => {
    const place = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/.exec(line);
    if (place) {
      before = Number(place[1]) - (place[2] === "0" ? 0 : 1);
      after = Number(place[3]) - (place[4] === "0" ? 0 : 1);
      return before + after > 0 ? [{ kind: "place", text: "" }] : [];
    }
    if (line.startsWith("+")) return [{ kind: "new", text: line.slice(1), after: ++after }];
    if (line.startsWith("-")) return [{ kind: "gone", text: line.slice(1), before: ++before }];
    if (line.startsWith("\\")) return [];
    return [{ kind: "same", text: line.slice(1), before: ++before, after: ++after }];
  });
}
