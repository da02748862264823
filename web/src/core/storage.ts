// What a browser keeps for one person: small choices, never secrets. Without storage nothing is kept.

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(`hinomi.${name}`);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`hinomi.${name}`, value);
  } catch {
    return;
  }
}
