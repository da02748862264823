// Parts of the import of a file: how it is to be read, how it begins, and what came of it.
import { number, t } from "../core/i18n";
import { KINDS, type Feed, type Kind } from "../core/list-kind";
import { visibleText } from "../core/visible";
import { Select } from "../ui/field";
import { Text } from "../ui/text";

const ROWS = 5;

export interface Options {
  csv: boolean;
  kind: Kind;
  column: number;
  delimiter: string;
  header: boolean;
  replace: boolean;
  skip: boolean;
}

export interface Result { lines: number; added: number; duplicates: number; comments: number; empty: number; normalised: number;
  invalid: number; version: number; problems: Array<{ line: number; text: string; reason: string }> }

export function resultOf(body: Record<string, unknown>): Result {
  const of = (name: string) => typeof body[name] === "number" ? body[name] as number : 0;
  return { lines: of("lines"), added: of("added"), duplicates: of("duplicates"), comments: of("comments"), empty: of("empty"),
    normalised: of("normalised"), invalid: of("invalid"), version: of("version"),
    problems: Array.isArray(body.problems) ? body.problems as Result["problems"] : [] };
}

function Problems({ result }: { result: Result }) {
  if (result.problems.length === 0) return null;
  return (
    <div class="scroll short" tabIndex={0} role="region" aria-label={t("import.problems")}>
      <table class="table">
        <thead><tr><th scope="col" class="right">{t("import.line")}</th><th scope="col">{t("import.text")}</th>
          <th scope="col">{t("import.reason")}</th></tr></thead>
        <tbody>{result.problems.map((one, i) => (
          <tr key={i}>
            <td class="right number">{number(one.line)}</td>
            <td><Text of={one.text} mono /></td>
            <td><Text of={one.reason} /></td>
          </tr>
        ))}</tbody>
      </table>
      {result.invalid > result.problems.length && (
        <p class="faint">{t("import.moreProblems", { count: result.invalid - result.problems.length })}</p>
      )}
    </div>
  );
}

const COUNTS = ["lines", "added", "duplicates", "normalised", "comments", "empty", "invalid"] as const;

export function Told({ result, refused }: { result: Result; refused: boolean }) {
  const rows = refused ? (["lines", "invalid"] as const)
    : COUNTS.filter((name) => name === "lines" || name === "added" || result[name] > 0);
  return (
    <>
      <dl class="tiles small">
        {rows.map((name) => (
          <div key={name} class={`tile ${name === "invalid" ? "unhealthy" : name === "added" ? "healthy" : ""}`}>
            <dt>{t(`import.${name}`)}</dt><dd>{number(result[name])}</dd>
          </div>
        ))}
      </dl>
      <Problems result={result} />
    </>
  );
}

function Sample({ feed, column }: { feed: Feed; column: number }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("import.sample")}>
      <table class="table sample">
        {feed.columns.length > 0 && (
          <thead><tr>{feed.columns.map((name, i) => (
            <th key={i} scope="col" class={i + 1 === column ? "chosen" : ""}><Text of={name} /></th>
          ))}</tr></thead>
        )}
        <tbody>{feed.rows.slice(0, ROWS).map((row, i) => (
          <tr key={i}>{row.map((field, k) => (
            <td key={k} class={feed.csv && k + 1 === column ? "chosen" : ""}><Text of={field} mono /></td>
          ))}</tr>
        ))}</tbody>
      </table>
    </div>
  );
}

export function Form({ feed, options, onChange, onShape }:
  { feed: Feed; options: Options; onChange: (to: Partial<Options>) => void;
    onShape: (csv: boolean, delimiter?: string) => void }) {
  const width = Math.min(50, Math.max(1, feed.columns.length, ...feed.rows.map((row) => row.length)));
  const columns = Array.from({ length: width }, (_, i) => ({ value: String(i + 1),
    label: feed.columns[i] ? `${i + 1}: ${visibleText(feed.columns[i])}` : String(i + 1) }));
  const delimiters = [",", ";", "\t", "|"].map((d) => ({ value: d, label: d === "\t" ? t("import.tab") : d }));
  return (
    <>
      <div class="options">
        <Select label={t("import.format")} value={options.csv ? "csv" : "plain"} onChoose={(to) => onShape(to === "csv")}
          choices={[{ value: "plain", label: t("import.plain") }, { value: "csv", label: "CSV" }]} />
        {options.csv && (
          <>
            <Select label={t("import.delimiter")} value={options.delimiter} choices={delimiters}
              onChoose={(to) => onShape(true, to)} />
            <Select label={t("import.column")} value={String(options.column)} choices={columns}
              onChoose={(to) => onChange({ column: Number(to) })} />
          </>
        )}
        <Select label={t("list.kind")} value={options.kind} onChoose={(kind) => onChange({ kind })}
          choices={KINDS.map((kind) => ({ value: kind, label: t(`list.kind.${kind}`) }))} />
        <Select label={t("import.mode")} value={options.replace ? "replace" : "append"}
          onChoose={(to) => onChange({ replace: to === "replace" })}
          choices={[{ value: "append", label: t("import.append") }, { value: "replace", label: t("import.replace") }]} />
      </div>
      {options.csv && (
        <label class="check">
          <input type="checkbox" checked={options.header}
            onChange={(event) => onChange({ header: event.currentTarget.checked })} />
          {t("import.header")}
        </label>
      )}
      <label class="check">
        <input type="checkbox" checked={options.skip} onChange={(event) => onChange({ skip: event.currentTarget.checked })} />
        {t("import.skip")}
      </label>
      <p class="faint">{t(`list.form.${options.kind}`)}</p>
      {options.replace && <p class="note">{t("import.replaceWarn")}</p>}
      <h3>{t("import.sample")}</h3>
      <Sample feed={feed} column={options.column} />
    </>
  );
}
