// Other findings that have something in common with this one, and the sequences that it is part of.
import { api } from "../core/api";
import { quote } from "../core/filter";
import { t, type Key } from "../core/i18n";
import { findingsWith, findingUrl } from "../core/links";
import { useResource } from "../core/resource";
import type { Finding } from "../generated/schemas";
import { Failure, Loading, Severity, StatusMark, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";

const SHOWN = 5;

interface Relation { title: Key; field: string; value: string }

function relationsOf(f: Finding): Relation[] {
  const all: Array<[Key, string, string | null]> = [
    ["finding.related.container", "container.id", f.container_id], ["finding.related.task", "ecs.task.id", f.task_id],
    ["finding.related.image", "container.image", f.image], ["finding.related.process", "proc.exepath", f.proc_exe],
    ["finding.related.rule", "rule", f.rule], ["finding.related.host", "host", f.container_id ? null : f.host],
  ];
  return all.flatMap(([title, field, value]) => value === null ? [] : [{ title, field, value }]);
}

function Row({ of }: { of: Finding }) {
  return (
    <li>
      <Severity band={of.band} score={of.severity} />
      <a href={findingUrl(of.id)}><Said of={of.title} /></a>
      <span class="faint"><Text of={of.container_name ?? of.host} /></span>
      <StatusMark status={of.status} />
      <span class="faint nowrap"><Time ms={of.last_seen_ms} /></span>
    </li>
  );
}

function Group({ of, relation }: { of: Finding; relation: Relation }) {
  const filter = `${relation.field} = ${quote(relation.value)} and id != ${quote(of.id)}`;
  const found = useResource(`related ${filter}`, (signal) =>
    api("GET /v1/findings", { query: { filter, limit: SHOWN, sort: "-last_seen" }, signal }));
  return (
    <section class="finding-related">
      <h3>{t(relation.title)} <span class="value"><Text of={relation.value} mono /></span></h3>
      {found.error !== undefined && !found.data ? <Failure error={found.error} retry={found.reload} />
        : !found.data ? <Loading />
          : found.data.total === 0 ? <p class="faint">{t("finding.related.none")}</p> : (
            <>
              <ul>{found.data.items.map((row) => <Row key={row.id} of={row} />)}</ul>
              <p>
                <a href={findingsWith(relation.field, relation.value)}>
                  {t("finding.related.all", { count: found.data.total + 1 })}
                </a>
              </p>
            </>
          )}
    </section>
  );
}

function Sequences({ of }: { of: Finding }) {
  const scopes = [["ecs.task.arn", of.task_arn], ["container.id", of.container_id], ["host", of.host]] as const;
  const places = scopes.flatMap(([field, value]) => value ? [`${field} = ${quote(value)}`] : []);
  const filter = `sequence = true and (${places.join(" or ") || `agent = ${quote(of.agent)}`})`;
  const found = useResource(`sequences ${of.id}`, (signal) => api("GET /v1/findings", { query: { filter, limit: 50 }, signal }));
  const part = (found.data?.items ?? []).filter((one) => one.members?.some((member) => member.id === of.id));
  if (part.length === 0) return null;
  return (
    <section class="finding-related">
      <h3>{t("finding.related.sequence")}</h3>
      <ul>{part.map((row) => <Row key={row.id} of={row} />)}</ul>
    </section>
  );
}

export function Related({ of }: { of: Finding }) {
  return (
    <>
      {!of.sequence && <Sequences of={of} />}
      {relationsOf(of).map((relation) => <Group key={relation.field} of={of} relation={relation} />)}
    </>
  );
}
