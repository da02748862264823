// Records of activity: when, what, by which program, where; each opens to all that is known of it.
import { useState } from "preact/hooks";
import { field, joined, objectOf, type Item, type Kind, type View } from "../core/activity";
import { t } from "../core/i18n";
import { go, urlWith } from "../core/router";
import { exact } from "../core/time";
import { visibleText } from "../core/visible";
import { Text } from "../ui/text";

export function KindMark({ kind }: { kind: Kind }) {
  return <span class={`kind ${kind}`}><span class="mark" aria-hidden="true" />{t(`activity.${kind}`)}</span>;
}

function Where({ item }: { item: Item }) {
  const name = field(item, "container.name") ?? field(item, "container.id");
  const image = field(item, "container.image.repository");
  if (!name || name === "host") return <span class="faint">{t("activity.onHost")}</span>;
  return <><Text of={name} />{image && <div class="faint"><Text of={image} /></div>}</>;
}

function Who({ item }: { item: Item }) {
  const parent = field(item, "proc.pname");
  const user = field(item, "user.name");
  return (
    <>
      <Text of={field(item, "proc.name")} />
      <div class="faint">
        {parent && <>← <Text of={parent} /></>}{parent && user && " · "}{user && <Text of={user} />}
      </div>
    </>
  );
}

function Pick({ view, name, value }: { view: View; name: string; value: string }) {
  const shown = visibleText(value);
  const choose = (not: boolean) => go(urlWith({ filter: joined(view.filter, name, value, not), cursor: undefined }));
  return (
    <span class="picks">
      <button type="button" aria-label={`${t("findings.only", { name })} ${shown}`} onClick={() => choose(false)}>+</button>
      <button type="button" aria-label={t("findings.without", { name, value: shown })} onClick={() => choose(true)}>−</button>
    </span>
  );
}

function All({ item, view }: { item: Item; view: View }) {
  const rows: Array<[string, string]> = [["agent", item.agent], ...Object.keys(item.fields)
    .flatMap((name): Array<[string, string]> => {
      const value = field(item, name);
      return value === null ? [] : [[name, value]];
    })];
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt class="mono"><Text of={name} /></dt>
          <dd><Text of={value} mono /> {/^[a-z][a-z0-9_.]*$/.test(name) && <Pick view={view} name={name} value={value} />}</dd>
        </div>
      ))}
    </dl>
  );
}

function Row({ item, view }: { item: Item; view: View }) {
  const [open, setOpen] = useState(false);
  const object = objectOf(item);
  return (
    <>
      <tr>
        <td data-label={t("activity.col.time")} class="nowrap">
          <time dateTime={new Date(item.time_ms).toISOString()}>{exact(item.time_ms)}</time></td>
        <td data-label={t("activity.col.kind")}><KindMark kind={item.kind} /></td>
        <td data-label={t("activity.col.what")}><Text of={object?.value} mono /></td>
        <td data-label={t("activity.col.who")}><Who item={item} /></td>
        <td data-label={t("activity.col.where")}><Where item={item} /></td>
        <td class="right">
          <button type="button" class="button quiet" aria-expanded={open}
            aria-label={t("activity.all", { what: visibleText(object?.value ?? item.kind) })}
            onClick={() => setOpen(!open)}>{open ? "▴" : "▾"}</button>
        </td>
      </tr>
      {open && <tr class="opened"><td colSpan={6}><All item={item} view={view} /></td></tr>}
    </>
  );
}

const COLUMNS = ["time", "kind", "what", "who", "where"] as const;

export function ActivityTable({ items, view }: { items: Item[]; view: View }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={t("activity.title")}>
      <table class="table cards activity">
        <thead>
          <tr>
            {COLUMNS.map((column) => <th key={column} scope="col">{t(`activity.col.${column}`)}</th>)}
            <th scope="col"><span class="unseen-label">{t("activity.col.more")}</span></th>
          </tr>
        </thead>
        <tbody>{items.map((item, i) => <Row key={`${item.time_ms} ${i}`} item={item} view={view} />)}</tbody>
      </table>
    </div>
  );
}
