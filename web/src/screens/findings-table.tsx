// A page of findings. A row is one click target, its title a link for keyboards and new tabs.
import type { Choice } from "../core/filter";
import { toggle } from "../core/findings-view";
import { number, t } from "../core/i18n";
import { go, urlWith } from "../core/router";
import { visibleText } from "../core/visible";
import type { Findings } from "../generated/schemas";
import { Severity, StatusMark, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { facetName } from "./findings-filter";

export type Row = Findings["items"][number];

/** A value with "only these" and "without these" beside it. */
function Cell({ field, value, choices }: { field: string; value: string | null; choices: Choice[] }) {
  if (value === null) return null;
  const name = facetName(field);
  const shown = visibleText(value);
  const set = (not: boolean) => (event: Event) => {
    event.stopPropagation();
    toggle(choices, { field, value, not });
  };
  return (
    <span class="cell">
      <Text of={value} />
      <span class="pick">
        <button type="button" aria-label={`${name}: ${shown}`} title={`${name}: ${shown}`} onClick={set(false)}>+</button>
        <button type="button" aria-label={t("findings.without", { name, value: shown })} onClick={set(true)}
          title={t("findings.without", { name, value: shown })}>−</button>
      </span>
    </span>
  );
}

function Where({ row, choices }: { row: Row; choices: Choice[] }) {
  return (
    <div class="lines">
      {row.container_name ? <Cell field="container.name" value={row.container_name} choices={choices} />
        : <Cell field="host" value={row.host} choices={choices} />}
      <span class="faint">
        {row.image ? <Cell field="container.image" value={row.image} choices={choices} />
          : row.cluster ? <Cell field="ecs.cluster" value={row.cluster} choices={choices} /> : null}
      </span>
    </div>
  );
}

export function FindingsTable({ rows, at, onAt, choices }:
  { rows: Row[]; at: number; onAt: (at: number) => void; choices: Choice[] }) {
  return (
    <table class="table rows">
      <colgroup>{[0, 1, 2, 3, 4, 5].map((i) => <col key={i} class={`col-${i}`} />)}</colgroup>
      <thead>
        <tr>
          <th scope="col">{t("findings.col.severity")}</th>
          <th scope="col">{t("findings.col.what")}</th>
          <th scope="col">{t("findings.col.where")}</th>
          <th scope="col" class="right">{t("findings.col.count")}</th>
          <th scope="col">{t("findings.col.status")}</th>
          <th scope="col">{t("findings.col.seen")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, i) => (
          <tr key={row.id} data-row={i} {...(i === at ? { "aria-current": true as const } : {})}
            onClick={(event) => {
              if (event.target instanceof Element && event.target.closest("a, button")) return;
              onAt(i);
              go(urlWith({ open: row.id }));
            }}>
            <td><Severity band={row.band} score={row.severity} /></td>
            <td class="what">
              <a href={urlWith({ open: row.id })} onClick={() => onAt(i)}><Text of={row.title} /></a>
              <div class="faint one-line"><Text of={row.proc_cmdline ?? row.output} mono /></div>
            </td>
            <td><Where row={row} choices={choices} /></td>
            <td class="right number" title={t("findings.times", { count: row.count })}>×{number(row.count)}</td>
            <td><StatusMark status={row.status} />{row.assignee && <div class="faint"><Text of={row.assignee} /></div>}</td>
            <td class="nowrap"><Time ms={row.last_seen_ms} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
