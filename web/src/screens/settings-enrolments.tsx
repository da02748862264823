// Enrolment tokens: which agents may come, how many, until when; and who came with each.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { span } from "../core/size";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { visibleText } from "../core/visible";
import type { Enrolment, Enrolments as Page } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Dialog } from "../ui/dialog";
import { Expires } from "../ui/expiry";
import { Button, Empty, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { NewEnrolment } from "./settings-enrolment-new";
import { Asked, Facts, Pages, State, Table } from "./settings-parts";

function Mark({ of }: { of: Enrolment }) {
  return <State kind={of.state === "open" ? "good" : "over"}>{t(`enrolments.${of.state}`)}</State>;
}

function uses(of: Enrolment): string {
  return of.max_uses === 0 ? t("enrolments.usesAny", { n: of.uses }) : t("enrolments.usesOf", { n: of.uses, m: of.max_uses });
}

function LabelTags({ of }: { of: Enrolment }) {
  const labels = Object.entries(of.labels);
  return labels.length === 0 ? null : (
    <ul class="tags">{labels.map(([name, value]) => <li key={name} class="tag"><Text of={`${name}=${value}`} /></li>)}</ul>
  );
}

function Row({ of, onRevoke }: { of: Enrolment; onRevoke: (of: Enrolment) => void }) {
  return (
    <tr>
      <td><a href={urlWith({ open: String(of.id) })}><Text of={of.name} /></a></td>
      <td><Mark of={of} /></td>
      <td>
        {of.cluster ? <Text of={of.cluster} /> : <span class="faint">{t("enrolments.anyCluster")}</span>}
        <LabelTags of={of} />
      </td>
      <td class="nowrap number">{uses(of)}</td>
      <td><Text of={of.maker} /></td>
      <td class="nowrap"><Expires ms={of.expires_ms} /></td>
      <td class="right">{of.state === "open" && (
        <Button kind="quiet" onClick={() => onRevoke(of)} aria-label={t("tokens.revokeOne", { name: visibleText(of.name) })}>
          {t("tokens.revoke")}
        </Button>
      )}</td>
    </tr>
  );
}

const COLUMNS = ["settings.name", "settings.state", "enrolments.scope", "enrolments.uses", "tokens.maker", "settings.expires",
  "settings.action"] as const;

function List({ page, onRevoke }: { page: Page; onRevoke: (of: Enrolment) => void }) {
  const label = t("tokens.enrolment");
  if (page.items.length === 0) return <Empty title="enrolments.empty">{t("enrolments.emptyHelp")}</Empty>;
  return (
    <>
      <Table label={label} columns={COLUMNS}>{page.items.map((one) => <Row key={one.id} of={one} onRevoke={onRevoke} />)}</Table>
      <Pages label={label} next={page.next} />
    </>
  );
}

function Agents({ of }: { of: NonNullable<Enrolment["agents"]> }) {
  if (of.length === 0) return <p class="faint">{t("enrolments.noAgents")}</p>;
  return (
    <Table label={t("coverage.agents")} columns={["coverage.col.agent", "settings.address", "enrolments.came"]}>
      {of.map((agent) => (
        <tr key={agent.id}>
          <td><Text of={agent.name || agent.id} /><div class="faint"><Text of={agent.id} mono /></div></td>
          <td><Text of={agent.address} mono /></td>
          <td class="nowrap"><Time ms={agent.created_ms} /></td>
        </tr>
      ))}
    </Table>
  );
}

function Drawer({ id, onClose }: { id: string; onClose: () => void }) {
  const one = useResource(`enrolment ${id}`, (signal) => api("GET /v1/enrolments/{id}", { path: { id }, signal }));
  return (
    <Dialog drawer title={one.data ? <Text of={one.data.name} /> : t("tokens.enrolment")} onClose={onClose}>
      <Asked of={one}>{(of) => (
        <>
          <Facts rows={[
            [t("settings.state"), <Mark of={of} />],
            [t("fact.cluster"), of.cluster ? <Text of={of.cluster} /> : null],
            [t("enrolments.labels"), Object.keys(of.labels).length > 0 ? <LabelTags of={of} /> : null],
            [t("enrolments.uses"), uses(of)],
            [t("enrolments.forget"), of.forget_after_s ? span(of.forget_after_s * 1000) : t("settings.never")],
            [t("tokens.maker"), <Text of={of.maker} />],
            [t("settings.made"), <Time ms={of.created_ms} full />],
            [t("settings.expires"), <Expires ms={of.expires_ms} />],
            [t("enrolments.revoked"), of.revoked_ms === null ? null : <Time ms={of.revoked_ms} full />],
          ]} />
          <h3>{t("enrolments.agents")}</h3>
          <Agents of={of.agents ?? []} />
        </>
      )}</Asked>
    </Dialog>
  );
}

export function Enrolments({ making, onMade }: { making: boolean; onMade: () => void }) {
  const { query } = place.value;
  const cursor = query.get("cursor") ?? undefined;
  const open = query.get("open");
  const [revoking, setRevoking] = useState<Enrolment>();
  const list = useResource(`enrolments ${cursor}`, (signal) =>
    api("GET /v1/enrolments", { query: { limit: 100, cursor }, signal }));
  return (
    <>
      <Asked of={list}>{(page) => <List page={page} onRevoke={setRevoking} />}</Asked>
      {making && <NewEnrolment onClose={onMade} onChange={list.reload} />}
      {open && !making && <Drawer key={open} id={open} onClose={() => go(urlWith({ open: undefined }))} />}
      {revoking && (
        <Confirm title={t("tokens.revokeAsk", { name: visibleText(revoking.name) })} action={t("tokens.revoke")}
          run={() => api("DELETE /v1/enrolments/{id}", { path: { id: String(revoking.id) } })}
          onClose={() => setRevoking(undefined)}
          onDone={() => { setRevoking(undefined); done(t("tokens.revokedDone")); list.reload(); }}>
          <p>{t("enrolments.revokeHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
