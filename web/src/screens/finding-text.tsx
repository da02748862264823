// Sentences about a finding: our words, with what others wrote set apart in them.
import type { ComponentChildren } from "preact";
import { sentence } from "../core/alert";
import { t } from "../core/i18n";
import { visibleText } from "../core/visible";
import type { Finding } from "../generated/schemas";
import { Text } from "../ui/text";

/** One of our texts in which ⟦name⟧ stands for what somebody else wrote. */
export interface Line { text: string; parts: Record<string, string> }

export function hole(name: string): string {
  return `⟦${name}⟧`;
}

const HOLES = /(⟦\w+⟧)/;

export function woven({ text, parts }: Line): ComponentChildren[] {
  return text.split(HOLES).map((piece, i) => piece.startsWith("⟦")
    ? <strong key={i}><Text of={parts[piece.slice(1, -1)]} /></strong> : piece);
}

export function plain({ text, parts }: Line): string {
  return text.split(HOLES).map((piece) =>
    piece.startsWith("⟦") ? visibleText(parts[piece.slice(1, -1)] ?? "") : piece).join("");
}

function whereText(f: Finding): string {
  return f.container_name ?? f.container_id
    ? t("finding.inContainer", { container: hole("where") }) : t("finding.onHost", { host: hole("where") });
}

function whereName(f: Finding): string {
  return f.container_name ?? f.container_id ?? f.host ?? f.agent;
}

/** What happened, when the rule has no sentence of its own, or the alert lacks something of it. */
function ownLine(f: Finding): Line {
  const where = whereText(f);
  const names = {
    proc: f.proc_name ? hole("proc") : t("finding.unknownProcess"),
    parent: f.parent_name ? hole("parent") : t("finding.unknownParent"), rule: hole("rule"), where,
  };
  const text = f.sequence ? t("finding.sentenceSequence", { count: f.members?.length ?? 0, where })
    : f.file ? t("finding.sentenceFile", { ...names, file: hole("file") }) : t("finding.sentence", names);
  return {
    text, parts: { proc: f.proc_name ?? "", parent: f.parent_name ?? "", rule: f.title, file: f.file ?? "",
      where: whereName(f) },
  };
}

/** What a finding's columns know of fields that its rule's output does not have. */
function known(f: Finding): Record<string, unknown> {
  return {
    "proc.name": f.proc_name, "proc.exepath": f.proc_exe, "proc.cmdline": f.proc_cmdline, "proc.pname": f.parent_name,
    "fd.name": f.file, "fs.path.target": f.file, "fs.path.name": f.file, "dns.question.name": f.domain, "user.name": f.user_name,
    "container.name": f.container_name, "container.image.repository": f.image,
  };
}

function without(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== "" && value !== "<NA>"));
}

/** The rule's own sentence; {where} in it is the container or host. */
export function lineOf(finding: Finding, template: string | undefined, fields: Record<string, unknown>): Line {
  const filled = template ? sentence(template, { ...without(known(finding)), ...without(fields), where: "?" }) : null;
  if (!filled) return ownLine(finding);
  const parts: Record<string, string> = { where: whereName(finding) };
  const text = filled.map((part, i) => {
    if (part.field === "where") return whereText(finding);
    if (!part.field) return part.text;
    parts[`p${i}`] = part.text;
    return hole(`p${i}`);
  }).join("");
  return { text, parts };
}
