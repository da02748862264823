// Labels as people write them: "name=value", one a line.

export interface Labels { labels: Record<string, string>; wrong?: string }

export function parseLabels(text: string): Labels {
  const labels: Record<string, string> = {};
  for (const line of text.split("\n").map((one) => one.trim()).filter(Boolean)) {
    const at = line.indexOf("=");
    const name = line.slice(0, Math.max(0, at)).trim();
    if (!name) return { labels, wrong: line };
    labels[name] = line.slice(at + 1).trim();
  }
  return { labels };
}
