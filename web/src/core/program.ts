// A browser by its User-Agent, as far as it says so: for people who look for a session that is not theirs.

const BROWSERS: ReadonlyArray<readonly [RegExp, string]> = [
  [/\bEdg\/(\d+)/, "Edge"], [/\bOPR\/(\d+)/, "Opera"], [/\bFirefox\/(\d+)/, "Firefox"],
  [/\b(?:Headless)?Chrom(?:e|ium)\/(\d+)/, "Chrome"], [/\bVersion\/(\d+)\S* .*Safari/, "Safari"],
  [/^hinomi\/?(\S*)/, "hinomi"], [/^curl\/(\S+)/, "curl"],
];
const SYSTEMS: ReadonlyArray<readonly [RegExp, string]> = [
  [/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS X/, "macOS"], [/Linux/, "Linux"],
];

/** "Firefox 140 · Linux"; null: it is not known, and should be shown as it is. */
export function programName(agent: string): string | null {
  const browser = BROWSERS.map(([pattern, name]) => {
    const found = pattern.exec(agent);
    return found && [name, found[1]].filter(Boolean).join(" ");
  }).find(Boolean);
  if (!browser) return null;
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1];
  return [browser, system].filter(Boolean).join(" · ");
}
