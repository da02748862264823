// All of one finding, in the drawer and on its page.
import { useEffect, useState } from "preact/hooks";
import { evidenceOf, fieldsOf, lineageOf, outputOf, timeOf } from "../core/alert";
import { api } from "../core/api";
import { language, t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { listen } from "../core/live";
import { useResource, type Resource } from "../core/resource";
import { may, me } from "../core/session";
import type { Document, Finding, Users } from "../generated/schemas";
import { Select } from "../ui/field";
import { Button, Failure, Loading, Severity, StatusMark, Time, type Status } from "../ui/parts";
import { Tabs } from "../ui/tabs";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";
import { EvidenceList, Facts, Lineage, Sentence } from "./finding-parts";

export function useFinding(id: string): Resource<Finding> {
  const finding = useResource<Finding>(id, (signal) => api("GET /v1/findings/{id}", { path: { id }, signal }));
  useEffect(() => listen("finding", (event) => { if (event.id === id) finding.reload(); }), [id]);
  return finding;
}

/** What Hinomi knows of a rule; a rule of another source has nothing. */
function useRule(name: string | undefined): Document | undefined {
  return useResource<Document | undefined>(`rule ${name}`, async (signal) => {
    if (name === undefined) return undefined;
    try {
      return await api("GET /v1/rules/{name}", { path: { name }, signal });
    } catch {
      return undefined;
    }
  }).data;
}

function Triage({ finding, onSaved }: { finding: Finding; onSaved: (to: Finding) => void }) {
  const [busy, setBusy] = useState(false);
  const users = useResource<Users | undefined>("users", (signal) => api("GET /v1/users", { query: { limit: 100 }, signal }));
  const allowed = may("triage");
  const change = (body: { status: Status } | { assignee: string | null }) => {
    setBusy(true);
    const what = "status" in body ? t(`status.${body.status}`) : body.assignee ?? t("finding.nobody");
    api("PATCH /v1/findings/{id}", { path: { id: finding.id }, body: { ...body, version: finding.version } })
      .then((to) => { onSaved(to); done(t("finding.saved", { what })); }, failed)
      .finally(() => setBusy(false));
  };
  useKeys(allowed ? [{
    key: "e", label: t("keys.archive"),
    run: () => change({ status: finding.status === "archived" ? "new" : "archived" }),
  }] : []);
  const names = [...new Set([...(finding.assignee ? [finding.assignee] : []), me.value?.name ?? "",
    ...(users.data?.items ?? []).map((user) => user.name)])].filter(Boolean);
  return (
    <div class="triage">
      <StatusMark status={finding.status} />
      {allowed && finding.status !== "acknowledged" && (
        <Button busy={busy} onClick={() => change({ status: "acknowledged" })}>{t("finding.acknowledge")}</Button>
      )}
      {allowed && finding.status !== "archived" && (
        <Button busy={busy} onClick={() => change({ status: "archived" })}>{t("finding.archive")}</Button>
      )}
      {allowed && finding.status !== "new" && (
        <Button busy={busy} onClick={() => change({ status: "new" })}>{t("finding.reopen")}</Button>
      )}
      <Select label={t("finding.assignee")} value={finding.assignee ?? ""} disabled={!allowed || busy}
        onChoose={(value) => change({ assignee: value === "" ? null : value })}
        choices={[{ value: "", label: t("finding.nobody") }, ...names.map((name) => ({ value: name, label: name }))]} />
    </div>
  );
}

function Overview({ finding, rule }: { finding: Finding; rule: Document | undefined }) {
  const texts = rule?.texts?.[language.value] ?? rule?.texts?.[`${language.value}.yaml`];
  return (
    <>
      {texts?.why && <section><h3>{t("finding.why")}</h3><p>{texts.why}</p></section>}
      {texts?.next && texts.next.length > 0 && (
        <section><h3>{t("finding.next")}</h3><ul>{texts.next.map((step) => <li key={step}>{step}</li>)}</ul></section>
      )}
      <section><h3>{t("finding.evidence")}</h3><EvidenceList finding={finding} of={evidenceOf(finding.last_alert)} /></section>
      <section>
        <h3>{t("finding.lineage")}</h3>
        <Lineage of={lineageOf(finding.last_alert)} label={t("finding.lineageHelp")} />
      </section>
      <section><h3>{t("finding.facts")}</h3><Facts of={finding} /></section>
    </>
  );
}

function Alerts({ id }: { id: string }) {
  const alerts = useResource(`alerts ${id}`, (signal) =>
    api("GET /v1/findings/{id}/alerts", { path: { id }, query: { limit: 50 }, signal }));
  if (alerts.error !== undefined) return <Failure error={alerts.error} retry={alerts.reload} />;
  if (!alerts.data) return <Loading />;
  return (
    <ol class="alerts">
      {alerts.data.items.map((alert, i) => {
        const ms = timeOf(alert);
        return <li key={i}>{ms !== null && <Time ms={ms} full />}<div><Text of={outputOf(alert)} mono /></div></li>;
      })}
    </ol>
  );
}

function Raw({ alert }: { alert: unknown }) {
  const text = JSON.stringify(alert ?? null, null, 2);
  return (
    <>
      <p class="faint">{t("finding.rawHelp")}</p>
      <pre class="raw" tabIndex={0}>{text.split("\n").map((line, i) => <span key={i}><Text of={line} />{"\n"}</span>)}</pre>
    </>
  );
}

type Section = "overview" | "alerts" | "raw";

export function FindingBody({ finding, onChange }: { finding: Resource<Finding>; onChange: () => void }) {
  const [section, setSection] = useState<Section>("overview");
  const data = finding.data;
  const rule = useRule(data?.rule);
  if (finding.error !== undefined && !data) return <Failure error={finding.error} retry={finding.reload} />;
  if (!data) return <Loading />;
  const texts = rule?.texts?.[language.value] ?? rule?.texts?.[`${language.value}.yaml`];
  return (
    <div class="finding">
      <div class="finding-head">
        <Severity band={data.band} score={data.severity} />
        <h2 class="finding-title">{texts?.title ?? <Text of={data.title} />}</h2>
        {data.type && <p class="faint mono"><Text of={data.type} /></p>}
        <Sentence finding={data} template={texts?.summary} fields={fieldsOf(data.last_alert)} />
        {data.clock && <p class="note">{t("finding.clock")}</p>}
        <Triage finding={data} onSaved={(to) => { finding.change((old) => ({ ...old, ...to })); onChange(); }} />
      </div>
      <Tabs<Section> label={t("finding.sections")} chosen={section} onChoose={setSection} tabs={[
        { value: "overview", label: t("finding.overview") },
        { value: "alerts", label: t("finding.alerts") },
        { value: "raw", label: t("finding.raw") },
      ]}>
        {section === "overview" && <Overview finding={data} rule={rule} />}
        {section === "alerts" && <Alerts id={data.id} />}
        {section === "raw" && <Raw alert={data.last_alert} />}
      </Tabs>
    </div>
  );
}
