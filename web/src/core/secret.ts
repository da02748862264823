// Passwords made here, for people who get an account: long, easy to read aloud, from the browser's own randomness.

const LETTERS = "abcdefghijkmnpqrstuvwxyz23456789";
const GROUPS = 4;
const GROUP = 5;

export function newPassword(random: (into: Uint8Array) => Uint8Array = (into) => crypto.getRandomValues(into)): string {
  const bytes = random(new Uint8Array(GROUPS * GROUP));
  const text = [...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join("");
  return (text.match(new RegExp(`.{${GROUP}}`, "g")) ?? []).join("-");
}
