// Text that an attacker may have written, taken apart for display: what a reader would not see (control characters,
// direction marks, zero-width characters, lone surrogates) is given a visible name. Nothing is dropped.

export interface Piece {
  text: string;
  /** Set when the piece stands for a character that cannot be seen: its name. */
  hidden?: string;
}

const SHORT: Record<number, string> = {
  0x00: "\\0", 0x07: "\\a", 0x08: "\\b", 0x09: "\\t", 0x0a: "\\n", 0x0b: "\\v", 0x0c: "\\f", 0x0d: "\\r", 0x1b: "\\e",
};

const NAMES: Record<number, string> = {
  0xad: "soft hyphen", 0x61c: "Arabic letter mark", 0x200b: "zero-width space", 0x200c: "zero-width non-joiner",
  0x200d: "zero-width joiner", 0x200e: "left-to-right mark", 0x200f: "right-to-left mark", 0x2028: "line separator",
  0x2029: "paragraph separator", 0x202a: "left-to-right embedding", 0x202b: "right-to-left embedding",
  0x202c: "pop directional formatting", 0x202d: "left-to-right override", 0x202e: "right-to-left override",
  0x2060: "word joiner", 0x2066: "left-to-right isolate", 0x2067: "right-to-left isolate",
  0x2068: "first strong isolate", 0x2069: "pop directional isolate", 0xfeff: "byte order mark",
};

/** First and last code points of what cannot be seen, in order. */
const RANGES: ReadonlyArray<readonly [number, number]> = [
  [0x00, 0x1f], [0x7f, 0xa0], [0xad, 0xad], [0x34f, 0x34f], [0x61c, 0x61c], [0x115f, 0x1160], [0x17b4, 0x17b5],
  [0x180b, 0x180f], [0x2000, 0x200f], [0x2028, 0x202f], [0x205f, 0x206f], [0x2800, 0x2800], [0x3164, 0x3164],
  [0xd800, 0xdfff], [0xe000, 0xf8ff], [0xfe00, 0xfe0f], [0xfeff, 0xfeff], [0xffa0, 0xffa0], [0xfff0, 0xfffb],
  [0xe0000, 0xe0fff], [0xf0000, 0x10ffff],
];

export function isHidden(point: number): boolean {
  return RANGES.some(([first, last]) => point >= first && point <= last);
}

export function nameOf(point: number): string {
  const code = `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
  return NAMES[point] ? `${code} ${NAMES[point]}` : code;
}

function mark(point: number): string {
  const short = SHORT[point];
  if (short !== undefined) return short;
  return point < 0x100
    ? `\\x${point.toString(16).padStart(2, "0")}`
    : `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
}

export function visible(text: string): Piece[] {
  if (/^[\x20-\x7e]*$/.test(text)) return [{ text }];
  const pieces: Piece[] = [];
  let plain = "";
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    if (!isHidden(point)) {
      plain += character;
      continue;
    }
    if (plain) pieces.push({ text: plain });
    plain = "";
    pieces.push({ text: mark(point), hidden: nameOf(point) });
  }
  if (plain || pieces.length === 0) pieces.push({ text: plain });
  return pieces;
}

/** For attributes and titles, which have no markup. */
export function visibleText(text: string): string {
  return visible(text).map((piece) => piece.text).join("");
}
