// The fields that an exception is made of: proposed ones to choose from, and more by name.
import { t, type Key } from "../core/i18n";
import { visibleText } from "../core/visible";
import { Button } from "./parts";
import { Text } from "./text";

export const OPERATORS = ["=", "in", "startswith", "endswith", "contains", "glob", "!="] as const;
type Operator = (typeof OPERATORS)[number];

const WORDS: Record<Operator, Key> = {
  "=": "finding.op.is", in: "finding.op.in", startswith: "finding.op.startswith", endswith: "finding.op.endswith",
  contains: "finding.op.contains", glob: "finding.op.glob", "!=": "finding.op.not",
};

export interface Row {
  id: number;
  field: string;
  op: Operator;
  value: string;
  on: boolean;
  /** Added by hand: its field can be written. */
  own: boolean;
}

export interface Wanted { field: string; op: string; value: string | string[] }

/** What is chosen and complete, as the server takes it. */
export function fieldsOf(rows: Row[]): Wanted[] {
  return rows.filter((row) => row.on && row.field.trim() !== "" && row.value.trim() !== "").map((row) => ({
    field: row.field.trim(), op: row.op,
    value: row.op === "in" ? row.value.split(",").map((one) => one.trim()).filter(Boolean) : row.value,
  })).filter((row) => row.value.length > 0);
}

function Condition({ row, onRow }: { row: Row; onRow: (row: Row) => void }) {
  const name = visibleText(row.field);
  return (
    <li class={row.on ? "condition" : "condition off"}>
      <label class="check">
        <input type="checkbox" checked={row.on} onChange={(event) => onRow({ ...row, on: event.currentTarget.checked })} />
        {row.own ? <span class="unseen-label">{t("finding.exc.own")}</span> : <span class="mono">{name}</span>}
      </label>
      {row.own && (
        <input class="mono" value={row.field} aria-label={t("finding.exc.field")} placeholder="proc.aname[2]" spellcheck={false}
          maxLength={200} onInput={(event) => onRow({ ...row, field: event.currentTarget.value })} />
      )}
      <select aria-label={t("finding.exc.op", { field: name })} value={row.op} disabled={!row.on} onChange={(event) => {
        const op = OPERATORS.find((one) => one === event.currentTarget.value);
        if (op) onRow({ ...row, op });
      }}>
        {OPERATORS.map((op) => <option key={op} value={op}>{t(WORDS[op])}</option>)}
      </select>
      <input class="mono value" value={row.value} disabled={!row.on} spellcheck={false}
        aria-label={t("finding.exc.value", { field: name })} maxLength={4096}
        onInput={(event) => onRow({ ...row, value: event.currentTarget.value })} />
      {visibleText(row.value) !== row.value && <span class="plainly"><Text of={row.value} mono /></span>}
    </li>
  );
}

export function Conditions({ rows, onRows }: { rows: Row[]; onRows: (rows: Row[]) => void }) {
  const add = () => onRows([...rows, {
    id: rows.length, field: "", op: "=", value: "", on: true, own: true,
  }]);
  return (
    <fieldset class="conditions">
      <legend>{t("finding.exc.fields")}</legend>
      <p class="faint">{t("finding.exc.fieldsHelp")}</p>
      <ul>
        {rows.map((row) => (
          <Condition key={row.id} row={row} onRow={(to) => onRows(rows.map((old) => old.id === to.id ? to : old))} />
        ))}
      </ul>
      <Button kind="quiet" onClick={add}>{t("finding.exc.add")}</Button>
    </fieldset>
  );
}
