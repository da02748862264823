// What columns of findings there are, and the dialog that chooses some.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { change, COLUMNS, USUAL, type ColumnId, type Sort } from "../core/findings-view";
import { number, t } from "../core/i18n";
import { visibleText } from "../core/visible";
import type { Findings } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Button, Severity, StatusMark, Time } from "../ui/parts";
import { Said } from "../ui/said";
import { Text } from "../ui/text";
import { Cell, inPlace, shorten, type CellProps } from "./findings-cell";

export type Row = Findings["items"][number];
type Rest = Omit<CellProps, "field" | "value">;

interface Column {
  /** A track of the grid. */
  width: string;
  sort?: "last_seen" | "first_seen" | "severity" | "count";
  right?: boolean;
  show: (row: Row, rest: Rest) => ComponentChildren;
}

const plain = (field: string, of: (row: Row) => string | null, width = "minmax(7rem, 1fr)"): Column => ({
  width, show: (row, rest) => <Cell {...rest} field={field} value={of(row)} />,
});

/** Without its registry, which is the same for many; the whole is in the title. */
function Image({ of }: { of: string }) {
  const short = /^[^/]*[.:][^/]*\/(.+)$/.exec(of)?.[1];
  return <span title={visibleText(of)}><Text of={shorten(short === undefined ? of : `…/${short}`)} /></span>;
}

function Where({ row, rest }: { row: Row; rest: Rest }) {
  return (
    <>
      {row.container_name ? <Cell {...rest} field="container.name" value={row.container_name} />
        : <Cell {...rest} field="host" value={row.host} />}
      {row.image ? <Cell {...rest} faint field="container.image" value={row.image}><Image of={row.image} /></Cell>
        : row.cluster ? <Cell {...rest} faint field="ecs.cluster" value={row.cluster} /> : null}
    </>
  );
}

function What({ row, rest }: { row: Row; rest: Rest }) {
  return (
    <>
      <Cell {...rest} field="rule" value={row.rule}>
        <a href={rest.actions.urlOf(row.id)} onClick={inPlace(() => rest.actions.open(rest.index, row.id))}>
          <Said of={shorten(row.title)} />
        </a>
      </Cell>
      <Cell {...rest} faint mono field={row.proc_cmdline === null ? "output" : "proc.cmdline"}
        value={row.proc_cmdline ?? row.output} />
    </>
  );
}

function Status({ row, rest }: { row: Row; rest: Rest }) {
  return (
    <>
      <Cell {...rest} field="status" value={row.status}><StatusMark status={row.status} /></Cell>
      {row.assignee !== null && <Cell {...rest} faint field="assignee" value={row.assignee} />}
    </>
  );
}

function Tags({ row, rest }: { row: Row; rest: Rest }) {
  return <>{row.tags.slice(0, 2).map((tag) => <Cell key={tag} {...rest} field="tag" value={tag} />)}</>;
}

const when = (of: (row: Row) => number, field: "first_seen" | "last_seen"): Column => ({
  width: "7.4rem", sort: field,
  show: (row, rest) => <Cell {...rest} field={field} value={String(of(row))}><Time ms={of(row)} /></Cell>,
});

export const columns: Record<ColumnId, Column> = {
  severity: {
    width: "9.4rem", sort: "severity",
    show: (row, rest) => <Cell {...rest} field="band" value={row.band}><Severity band={row.band} score={row.severity} /></Cell>,
  },
  what: { width: "minmax(12rem, 3fr)", show: (row, rest) => <What row={row} rest={rest} /> },
  where: { width: "minmax(9rem, 2fr)", show: (row, rest) => <Where row={row} rest={rest} /> },
  count: {
    width: "4.9rem", sort: "count", right: true,
    show: (row, rest) => (
      <Cell {...rest} field="count" value={String(row.count)}>
        <span class="number" title={t("findings.times", { count: row.count })}>×{number(row.count)}</span>
      </Cell>
    ),
  },
  status: { width: "8.2rem", show: (row, rest) => <Status row={row} rest={rest} /> },
  seen: when((row) => row.last_seen_ms, "last_seen"),
  first: when((row) => row.first_seen_ms, "first_seen"),
  rule: plain("rule", (row) => row.rule, "minmax(9rem, 1.5fr)"),
  policy: plain("policy", (row) => row.policy),
  type: plain("type", (row) => row.type, "minmax(9rem, 1.5fr)"),
  process: plain("proc.name", (row) => row.proc_name),
  command: plain("proc.cmdline", (row) => row.proc_cmdline, "minmax(10rem, 2fr)"),
  parent: plain("proc.pname", (row) => row.parent_name),
  user: plain("user.name", (row) => row.user_name),
  file: plain("file", (row) => row.file, "minmax(9rem, 1.5fr)"),
  domain: plain("domain", (row) => row.domain),
  item: plain("item", (row) => row.item),
  container: plain("container.name", (row) => row.container_name),
  image: {
    width: "minmax(9rem, 1.5fr)",
    show: (row, rest) => (
      <Cell {...rest} field="container.image" value={row.image}>{row.image !== null && <Image of={row.image} />}</Cell>
    ),
  },
  digest: plain("container.image.digest", (row) => row.image_digest),
  cluster: plain("ecs.cluster", (row) => row.cluster),
  service: plain("ecs.service", (row) => row.service),
  task: plain("ecs.task.family", (row) => row.task_family),
  host: plain("host", (row) => row.host),
  agent: plain("agent", (row) => row.agent),
  account: plain("aws.account", (row) => row.account),
  region: plain("aws.region", (row) => row.region),
  tags: { width: "minmax(7rem, 1fr)", show: (row, rest) => <Tags row={row} rest={rest} /> },
  assignee: plain("assignee", (row) => row.assignee),
};

export function columnName(id: ColumnId): string {
  return t(`findings.col.${id}`);
}

/** The greatest first, then the smallest. */
export function nextSort(sort: Sort, by: NonNullable<Column["sort"]>): Sort {
  return sort === `-${by}` ? by : `-${by}`;
}

export function ColumnsDialog({ chosen, onClose }: { chosen: readonly ColumnId[]; onClose: () => void }) {
  const [wanted, setWanted] = useState<readonly ColumnId[]>(chosen);
  const move = (id: ColumnId, step: number) => {
    const at = wanted.indexOf(id);
    const others = wanted.filter((one) => one !== id);
    setWanted([...others.slice(0, Math.max(0, at + step)), id, ...others.slice(Math.max(0, at + step))]);
  };
  const save = () => {
    change({ columns: wanted.join(",") === USUAL.join(",") ? undefined : wanted.join(",") });
    onClose();
  };
  return (
    <Dialog title={t("findings.columns")} onClose={onClose}>
      <p class="faint">{t("findings.columnsHelp")}</p>
      <ol class="column-order" aria-label={t("findings.columnsShown")}>
        {wanted.map((id, i) => (
          <li key={id}>
            <span>{columnName(id)}</span>
            <Button kind="quiet" disabled={i === 0} aria-label={t("findings.columnUp", { name: columnName(id) })}
              onClick={() => move(id, -1)}>↑</Button>
            <Button kind="quiet" disabled={i === wanted.length - 1}
              aria-label={t("findings.columnDown", { name: columnName(id) })} onClick={() => move(id, 1)}>↓</Button>
            <Button kind="quiet" disabled={wanted.length === 1} aria-label={t("action.remove", { name: columnName(id) })}
              onClick={() => setWanted(wanted.filter((one) => one !== id))}>×</Button>
          </li>
        ))}
      </ol>
      <fieldset class="column-more">
        <legend>{t("findings.columnsMore")}</legend>
        {COLUMNS.filter((id) => !wanted.includes(id)).map((id) => (
          <Button key={id} onClick={() => setWanted([...wanted, id])}>+ {columnName(id)}</Button>
        ))}
      </fieldset>
      <div class="buttons">
        <Button onClick={() => setWanted(USUAL)}>{t("findings.columnsUsual")}</Button>
        <Button kind="primary" onClick={save}>{t("findings.filterApply")}</Button>
      </div>
    </Dialog>
  );
}
