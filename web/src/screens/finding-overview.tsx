// The first part of a finding: summary, why and what next, evidence, processes, ATT&CK, facts.
import type { ComponentChildren } from "preact";
import { lineageOf } from "../core/alert";
import { api } from "../core/api";
import { attackOf, type Technique } from "../core/attack";
import { quote } from "../core/filter";
import { t, type Key } from "../core/i18n";
import { useResource } from "../core/resource";
import type { Document, Finding, Finding as Row, RuleText } from "../generated/schemas";
import { Copy } from "../ui/copy";
import { Text } from "../ui/text";
import { Advice } from "./finding-advice";
import { EvidenceList, FieldGroups } from "./finding-evidence";
import { Facts } from "./finding-facts";
import { Processes } from "./finding-processes";
import { summaryOf } from "./finding-summary";
import { Model } from "./finding-model";
import { plain, woven } from "./finding-text";

interface Props {
  of: Finding;
  rule: Document | undefined;
  texts: RuleText | undefined;
  onChange: () => void;
}

/** How many findings in a week have the same rule, and of these the same image. */
function useRarity(of: Finding): { rule: number; image: number } | undefined {
  return useResource(`rarity ${of.id}`, async (signal) => {
    const filter = `rule = ${quote(of.rule)} and id != ${quote(of.id)}`;
    const ask = (more: string) => api("GET /v1/findings", { query: { filter: filter + more, from: "-7d", limit: 1 }, signal });
    const [rule, image] = await Promise.all([ask(""), of.image ? ask(` and container.image = ${quote(of.image)}`) : ask("")]);
    return { rule: rule.total, image: image.total };
  }).data;
}

function Summary({ of, rule }: Props) {
  const lines = summaryOf(of, useRarity(of), rule !== undefined);
  return (
    <section class="finding-summary">
      <div class="title-row">
        <h3>{t("finding.summary")}</h3>
        <span class="space" />
        <Copy of={lines.map(plain).join("\n")} what={t("finding.summary")} word={t("action.copy")} />
      </div>
      <ul>{lines.map((line, i) => <li key={i}>{woven(line)}</li>)}</ul>
    </section>
  );
}

function TechniqueCard({ of }: { of: Technique }) {
  return (
    <li class="technique">
      <span class="faint">{of.tactic ? t(`attack.${of.tactic}`) : t("attack.unknown")}</span>
      <a href={of.url} rel="noreferrer noopener" target="_blank">
        <span class="mono">{of.id}</span> {of.name ?? ""}<span class="unseen-label"> {t("attack.outside")}</span>
        <span aria-hidden="true"> ↗</span>
      </a>
    </li>
  );
}

function Attack({ tags }: { tags: string[] }) {
  const attack = attackOf(tags);
  if (attack.techniques.length === 0 && attack.tactics.length === 0) return null;
  const covered = new Set(attack.techniques.map((one) => one.tactic));
  return (
    <section>
      <h3>{t("attack.title")}</h3>
      <ul class="finding-attack">
        {attack.techniques.map((one) => <TechniqueCard key={one.id} of={one} />)}
        {attack.tactics.filter((tactic) => !covered.has(tactic)).map((tactic) => (
          <li key={tactic} class="technique">
            <span class="faint">{t("attack.tactic")}</span><strong>{t(`attack.${tactic}`)}</strong>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Member { id: string; rule: string; stages: string[]; ms: number }

function membersOf(f: Row): Member[] {
  return (f.members ?? []).map((one) => ({
    id: String(one.id ?? ""), rule: String(one.rule ?? ""), ms: Number(one.first_seen_ms ?? 0),
    stages: Array.isArray(one.stages) ? one.stages.map(String) : [],
  })).filter((one) => one.id !== "");
}

const STAGES: Record<string, Key> = {
  initial_access: "attack.initial_access", download: "attack.download", execution: "attack.execution",
  persistence: "attack.persistence", privilege_escalation: "attack.privilege_escalation", evasion: "attack.defense_evasion",
  credentials: "attack.credential_access", discovery: "attack.discovery", command_and_control: "attack.command_and_control",
  exfiltration: "attack.exfiltration", mining: "attack.mining", impact: "attack.impact",
  new_program: "attack.new_program", mining_pool: "attack.mining_pool",
};

function stageName(stage: string): ComponentChildren {
  const key = STAGES[stage];
  return key ? t(key) : <Text of={stage} />;
}

function Members({ of }: { of: Finding }) {
  return (
    <section>
      <h3>{t("finding.members")}</h3>
      <ol class="finding-members">
        {membersOf(of).map((one) => (
          <li key={one.id}>
            <span class="tags">{one.stages.map((stage) => <span key={stage} class="tag">{stageName(stage)}</span>)}</span>
            <a href={`/findings/${encodeURIComponent(one.id)}`}><Text of={one.rule} /></a>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function Overview(props: Props) {
  const { of, texts, rule, onChange } = props;
  return (
    <div class="finding-overview">
      <div>
        <Summary {...props} />
        <Model of={of} />
        <Advice of={of} texts={texts} onChange={onChange} />
        {of.sequence && <Members of={of} />}
        {!of.sequence && (
          <>
            <section><h3>{t("finding.evidence")}</h3><EvidenceList finding={of} /></section>
            <section>
              <h3>{t("finding.lineage")}</h3>
              <Processes of={of} lineage={lineageOf(of.last_alert)} />
            </section>
          </>
        )}
      </div>
      <div class="beside">
        <section><h3>{t("finding.facts")}</h3><Facts of={of} known={rule !== undefined} /></section>
        <Attack tags={of.tags} />
        {!of.sequence && <FieldGroups of={of.last_alert} />}
      </div>
    </div>
  );
}
