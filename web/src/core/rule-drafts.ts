// Texts that somebody begins with or has begun: templates of new rules, of changes of managed ones, and drafts that
// outlive a log-in in between.
import type { Kind } from "./content";

const drafts = new Map<string, string>();

export function draftOf(key: string): string | undefined {
  return drafts.get(key);
}

export function keepDraft(key: string, text: string | undefined): void {
  if (text === undefined) drafts.delete(key);
  else drafts.set(key, text);
}

/** A name as YAML has it: quoted where it could mean something else. */
export function yamlName(name: string): string {
  return /^[\p{L}_][\p{L}\p{N} _.()/+-]*$/u.test(name) && !/\s$/.test(name) && !/^(yes|no|on|off|true|false|null)$/i.test(name)
    ? name : JSON.stringify(name);
}

export function templateOf(kind: Kind, name: string): string {
  return kind === "macros" ? `- macro: ${yamlName(name)}\n  condition: >\n    evt.type in (execve, execveat) and evt.rawres = 0\n`
    : `- rule: ${yamlName(name)}
  desc: >
    What happened, and why it matters.
  condition: >
    evt.type in (execve, execveat) and evt.rawres = 0
    and container.id != host and proc.name = example
  output: >
    An example was started (process=%proc.cmdline parent=%proc.pname user=%user.name
    container=%container.name image=%container.image.repository)
  priority: WARNING
  tags: [container, process]
`;
}

export type Change = "append" | "except" | "replace" | "priority" | "output";
export const CHANGES: Record<Kind, readonly Change[]> = {
  rules: ["append", "except", "replace", "priority", "output"], macros: ["append", "replace"],
};

function indented(text: string): string {
  return text.trim().split("\n").map((line) => `    ${line.trim()}`).join("\n");
}

/** What a change of a managed rule or macro says, to begin with. */
export function changeOf(kind: Kind, name: string, change: Change,
  now: { condition: string; output: string; priority: string }): string {
  const head = `- ${kind === "rules" ? "rule" : "macro"}: ${yamlName(name)}\n`;
  switch (change) {
    case "append": return `${head}  condition: and not proc.name in (example)\n  override: {condition: append}\n`;
    case "except": return `${head}  exceptions:
    - name: trusted
      fields: [proc.name, container.image.repository]
      comps: [=, =]
      values:
        - [example, registry.example/app]
  override: {exceptions: append}
`;
    case "replace": return `${head}  condition: >\n${indented(now.condition)}\n  override: {condition: replace}\n`;
    case "priority": return `${head}  priority: ${(now.priority || "WARNING").toUpperCase()}\n  override: {priority: replace}\n`;
    default: return `${head}  output: >\n${indented(now.output)}\n  override: {output: replace}\n`;
  }
}

/** The text of another one, under a new name. */
export function copyOf(text: string, name: string, copy: string): string {
  const first = /^(\s*-\s*(?:rule|macro):\s*)(.*)$/m;
  return first.test(text) ? text.replace(first, (_, head: string) => head + yamlName(copy)) : templateOf("rules", name);
}
