// What is known to be missing: which agent, when, how much, and why.
import { api } from "../core/api";
import { isKey, type Key, number, t } from "../core/i18n";
import { useResource } from "../core/resource";
import { place } from "../core/router";
import type { Gaps as Page } from "../generated/schemas";
import { Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Asked, Pages, Table } from "./settings-parts";

type Gap = Page["items"][number];

function kindName(kind: string): string | null {
  const key = `gap.${kind}`;
  return isKey(key) ? t(key as Key & "gap.drops") : null;
}

function Row({ gap }: { gap: Gap }) {
  const why = gap.gap.why;
  return (
    <tr>
      <td class="nowrap"><Time ms={gap.received_ms} /></td>
      <td><Text of={gap.agent} mono /></td>
      <td>
        {kindName(gap.kind) ?? <Text of={gap.kind} />}
        {typeof why === "string" && <div class="faint"><Text of={why} /></div>}
      </td>
      <td class="number">{gap.count === null ? <span class="faint">{t("gaps.unknown")}</span> : number(gap.count)}</td>
      <td class="nowrap"><Time ms={gap.from_ms} />{gap.to_ms > gap.from_ms && <> – <Time ms={gap.to_ms} /></>}</td>
      <td>{gap.container_id ? <Text of={gap.container_id} mono /> : <span class="faint">{t("gaps.all")}</span>}</td>
    </tr>
  );
}

const COLUMNS = ["gaps.heard", "fact.agent", "gaps.why", "gaps.count", "gaps.time", "fact.container"] as const;

export function Gaps() {
  const cursor = place.value.query.get("cursor") ?? undefined;
  const gaps = useResource(`gaps ${cursor}`, (signal) => api("GET /v1/gaps", { query: { limit: 25, cursor }, signal }));
  return (
    <section>
      <h2>{t("gaps.title")}</h2>
      <p class="faint">{t("gaps.help")}</p>
      <Asked of={gaps}>{(page) => page.items.length === 0 ? <p>{t("gaps.none")}</p> : (
        <>
          <Table label={t("gaps.title")} columns={COLUMNS}>
            {page.items.map((gap) => <Row key={`${gap.agent} ${gap.n} ${gap.received_ms}`} gap={gap} />)}
          </Table>
          <Pages label={t("gaps.title")} next={page.next} />
        </>
      )}</Asked>
    </section>
  );
}
