// Every screen that screens.ts has: axe-core in light and dark, no wider than the window, nothing left in English for a
// Japanese reader, pictures where they are wanted; and how long each takes until it can be used.
import { onePlaceEach } from "../places.mjs";

/** Words that are the same in Japanese text. */
const SAME = new RegExp(`^(?:${["Hinomi", "Falco", "Docker", "Podman", "Linux", "English", "UTC", "YAML", "CSV", "JSON", "NDJSON", "Fargate",
  "Amazon", "Bedrock", "Anthropic", "Slack", "Falcosidekick", "Webhook", "EventBridge", "SNS", "Enter", "Escape", "Tab", "MITRE", "ATT&CK", "ECS", "EC2", "AWS", "hinomi[-a-z]*", "T\\d+(?:\\.\\d+)?",
  "Chrome", "Firefox", "Safari", "Edge", "macOS", "Windows", "Android", "iOS", "Mozilla/.*"].join("|")}|[^A-Za-z]+)+$`);

/** Texts of the page that are plain English, and neither somebody's own words nor code. */
function english() {
  const foreign = "bdi, .verbatim, .mono, code, kbd, pre, samp, time, textarea, .cm-editor, [role=tree], a[rel~=noreferrer], [lang=en], [value^='go:'], script, style, noscript";
  const found = new Set();
  const walker = document.createTreeWalker(document.querySelector("#app"), NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (!parentElement.closest(foreign) && parentElement.checkVisibility()) found.add(data.trim());
  }
  for (const one of document.querySelectorAll("#app [aria-label], #app [title], #app [placeholder]")) {
    if (one.closest(foreign) || one.querySelector(foreign)) continue;
    for (const name of ["aria-label", "title", "placeholder"]) found.add(one.getAttribute(name)?.trim() ?? "");
  }
  return [...found].filter((text) => /^[\x20-\x7e…–—·“”’×]+$/.test(text) && /[a-z]{3}[^]*\s[^]*[a-z]{3}/.test(text) &&
    !/[=<>"]|^[a-z_]+\.[a-z_.]+\b/.test(text));
}

async function japanese(w, name, open) {
  await w.pose({ colorScheme: "light", language: "ja" });
  await open();
  const left = (await w.page.evaluate(english)).filter((text) => !SAME.test(text));
  w.check(left.length === 0, `${name} (ja): in English: ${left.slice(0, 8).join(" | ")}`);
}

export default async function everyScreen(w) {
  const times = [];
  for (const { name, path } of await onePlaceEach(w)) {
    const open = async () => {
      const started = Date.now();
      await w.page.goto(w.server.url + path);
      await w.ready();
      times.push([name, Date.now() - started]);
    };
    await w.inspect(name, open);
    await japanese(w, name, open);
  }
  await w.pose({ colorScheme: "light" });
  const least = new Map();
  for (const [name, ms] of times) least.set(name, Math.min(ms, least.get(name) ?? Infinity));
  console.log(`# every-screen: ms until it can be used: ${[...least].map(([name, ms]) => `${name} ${ms}`).join(", ")}`);
}
