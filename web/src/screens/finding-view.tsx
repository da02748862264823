// A finding: its head with what happened and what to do with it, and its parts.
import { useEffect } from "preact/hooks";
import { api } from "../core/api";
import { allFields } from "../core/evidence";
import { language, t } from "../core/i18n";
import { findingUrl } from "../core/links";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import type { Document, Finding, RuleText } from "../generated/schemas";
import { Copy } from "../ui/copy";
import { Severity, Time } from "../ui/parts";
import { Tabs } from "../ui/tabs";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { Alerts, Raw } from "./finding-alerts";
import type { FindingProps } from "./finding-body";
import { History } from "./finding-history";
import { Notes } from "./finding-notes";
import { Overview } from "./finding-overview";
import { Related } from "./finding-related";
import { lineOf, plain, woven } from "./finding-text";
import { Timeline } from "./finding-timeline";
import { Triage } from "./finding-triage";

const PARTS = ["overview", "timeline", "related", "alerts", "notes", "history", "raw"] as const;
type Part = (typeof PARTS)[number];

/** What Hinomi knows of a rule; a rule of another source has nothing. */
function useRule(name: string): Document | undefined {
  return useResource<Document | undefined>(`rule ${name}`, async (signal) => {
    try {
      return await api("GET /v1/rules/{name}", { path: { name }, signal });
    } catch {
      return undefined;
    }
  }).data;
}

function textsOf(rule: Document | undefined): RuleText | undefined {
  const all = rule?.texts;
  return all?.[language.value] ?? all?.[`${language.value}.yaml`] ?? all?.en ?? all?.["en.yaml"];
}

/** The part is in the address; it leaves it with the finding. */
function usePart(): [Part, (part: Part) => void] {
  const wanted = place.value.query.get("part");
  useEffect(() => {
    const { path } = place.value;
    return () => {
      if (place.value.path === path && place.value.query.has("part")) go(urlWith({ part: undefined }), "replace");
    };
  }, []);
  return [PARTS.find((part) => part === wanted) ?? "overview",
    (part) => go(urlWith({ part: part === "overview" ? undefined : part }), "replace")];
}

function Where({ of: f }: { of: Finding }) {
  const where = [f.cluster, f.task_family, f.container_name ?? f.container_id, f.container_id ? null : f.host];
  return (
    <p class="finding-where">
      {where.map((part) => part && <span key={part} class="tag"><Text of={part} /></span>)}
      <span class="faint"><Time ms={f.last_seen_ms} /></span>
      {f.count > 1 && <span class="faint">{t("findings.times", { count: f.count })}</span>}
      {f.reopened > 0 && <span class="tag">{t("finding.reopened", { count: f.reopened })}</span>}
    </p>
  );
}

function Head({ of: f, texts, ...rest }: { of: Finding; texts: RuleText | undefined } & FindingProps) {
  const line = lineOf(f, texts?.summary, allFields(f.last_alert));
  return (
    <div class="finding-head">
      <div class="title-row">
        <Severity band={f.band} score={f.severity} />
        {f.type && <span class="faint mono type"><Text of={f.type} /></span>}
        <span class="space" />
        <Copy of={window.location.origin + findingUrl(f.id)} what={t("finding.link")} word={t("finding.copyLink")} />
      </div>
      <h2 class="finding-title">{texts?.title ?? <Said of={f.title} />}</h2>
      <p class="sentence" aria-label={plain(line)}>{woven(line)}</p>
      <Where of={f} />
      {f.clock && <p class="note">{t("finding.clock")}</p>}
      <Triage of={f} {...rest} />
    </div>
  );
}

export default function FindingView(props: FindingProps) {
  const data = props.finding.data;
  const rule = useRule(data?.rule ?? "");
  const [part, choose] = usePart();
  if (!data) return null;
  const texts = textsOf(rule);
  return (
    <div class="finding">
      <Head of={data} texts={texts} {...props} />
      <Tabs<Part> label={t("finding.sections")} chosen={part} onChoose={choose}
        tabs={PARTS.map((value) => ({ value, label: t(`finding.${value}`) }))}>
        {part === "overview" && <Overview of={data} rule={rule} texts={texts}
          onChange={() => { props.finding.reload(); props.onChange(); }} />}
        {part === "timeline" && <Timeline of={data} />}
        {part === "related" && <Related of={data} />}
        {part === "alerts" && <Alerts of={data} />}
        {part === "notes" && <Notes of={data} />}
        {part === "history" && <History of={data} />}
        {part === "raw" && <Raw of={data} />}
      </Tabs>
    </div>
  );
}
