// A finding in a few sentences, from what is known alone: nothing here is a guess.
import { evidenceOf, lineageOf } from "../core/alert";
import { attackOf } from "../core/attack";
import { isPrivileged, outcomeOf } from "../core/evidence";
import { number, t } from "../core/i18n";
import { exact, zoneName } from "../core/time";
import type { Finding } from "../generated/schemas";
import { hole, type Line } from "./finding-text";

const CHAIN = 6;

function own(text: string): Line {
  return { text, parts: {} };
}

function chain(f: Finding): Line[] {
  const names = lineageOf(f.last_alert).map((process) => process.name || process.exe).filter(Boolean).slice(-CHAIN);
  if (names.length < 2) return [];
  const parts = Object.fromEntries(names.map((name, i) => [`n${i}`, name]));
  return [{ text: t("finding.sum.chain", { chain: names.map((_, i) => hole(`n${i}`)).join(" → ") }), parts }];
}

function times(f: Finding): Line {
  if (f.count > 1 && exact(f.first_seen_ms) === exact(f.last_seen_ms)) {
    return own(t("finding.sum.atOnce", { count: number(f.count), time: `${exact(f.last_seen_ms)} ${zoneName()}` }));
  }
  if (f.count <= 1) return own(t("finding.sum.once", { time: `${exact(f.last_seen_ms)} ${zoneName()}` }));
  return own(t("finding.sum.times", {
    count: number(f.count), first: exact(f.first_seen_ms), last: `${exact(f.last_seen_ms)} ${zoneName()}`,
  }));
}

function evidence(f: Finding): Line[] {
  return evidenceOf(f.last_alert).slice(0, 3).filter((one) => one.list && one.item).map((one) => ({
    text: t("finding.sum.evidence", { item: hole("item"), list: hole("list") }), parts: { item: one.item, list: one.list },
  }));
}

function rights(f: Finding): Line[] {
  const root = lineageOf(f.last_alert).at(-1)?.uid === 0 || f.user_name === "root";
  if (isPrivileged(f.last_alert)) return [own(t(root ? "finding.sum.rootPrivileged" : "finding.sum.privileged"))];
  return root ? [own(t("finding.sum.root"))] : [];
}

function outcome(f: Finding): Line[] {
  const said = outcomeOf(f.last_alert);
  if (said === "succeeded") return [own(t("finding.sum.succeeded"))];
  if (said === "predicted") return [own(t("finding.sum.predicted"))];
  if (said === "denied") return [own(t("finding.sum.denied"))];
  return said === "failed" ? [own(t("finding.sum.failed"))] : [];
}

function attack(f: Finding): Line[] {
  const { tactics } = attackOf(f.tags);
  const names = tactics.map((one) => t(`attack.${one}`)).join(t("finding.sum.and"));
  return tactics.length === 0 ? [] : [own(t("finding.sum.attack", { tactics: names }))];
}

function rarity(f: Finding, counts: { rule: number; image: number } | undefined): Line {
  if (!counts) return own(t("finding.sum.counting"));
  if (counts.rule === 0) return own(t("finding.sum.only"));
  return own(f.image ? t("finding.sum.others", { count: counts.rule, image: number(counts.image) })
    : t("finding.sum.othersHost", { count: counts.rule }));
}

export function summaryOf(f: Finding, counts: { rule: number; image: number } | undefined, known: boolean): Line[] {
  if (f.sequence) return [own(t("finding.sum.sequence", { count: f.members?.length ?? 0 })), times(f), ...attack(f)];
  return [...chain(f), ...evidence(f), ...outcome(f), ...rights(f), times(f), rarity(f, counts), ...attack(f),
    ...(known ? [] : [own(t("finding.sum.foreign"))])];
}
