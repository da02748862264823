// What the settings' lists have in common: a table that scrolls in a region of its own, pages, facts, marks of a state.
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t, type Key } from "../core/i18n";
import { go, place, urlWith } from "../core/router";
import type { Resource } from "../core/resource";
import { Failure, Loading } from "../ui/parts";

/** The head of a column of buttons is for screen readers only. */
function Head({ of }: { of: Key }) {
  const text = t(of as "settings.name");
  return <th scope="col">{of === "settings.action" ? <span class="unseen-label">{text}</span> : text}</th>;
}

/** Where it is narrow each row is a card, whose values say by themselves which column they are of. */
export function Table({ label, columns, children }: { label: string; columns: readonly Key[]; children: ComponentChildren }) {
  const table = useRef<HTMLTableElement>(null);
  useLayoutEffect(() => {
    for (const row of table.current?.tBodies[0]?.rows ?? []) {
      [...row.cells].forEach((cell, i) => {
        const key = columns[i];
        cell.dataset.label = key && key !== "settings.action" ? t(key as "settings.name") : "";
      });
    }
  });
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table ref={table} class="table">
        <thead><tr>{columns.map((key) => <Head key={key} of={key} />)}</tr></thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** What was asked for, or that it is on its way, or why it did not come. */
export function Asked<T>({ of, children }: { of: Resource<T>; children: (data: T) => ComponentChildren }) {
  if (of.data !== undefined) {
    return <>{of.error !== undefined && <Failure error={of.error} retry={of.reload} />}{children(of.data)}</>;
  }
  return of.error !== undefined ? <Failure error={of.error} retry={of.reload} /> : <Loading />;
}

export function Pages({ label, next }: { label: string; next: string | null }) {
  const cursor = place.value.query.get("cursor");
  if (!cursor && !next) return null;
  return (
    <nav class="pages" aria-label={label}>
      {cursor && <a class="button" href={urlWith({ cursor: undefined })}>{t("action.first")}</a>}
      {next && <a class="button" href={urlWith({ cursor: next })}>{t("action.next")}</a>}
    </nav>
  );
}

/** By word and shape: good, over, or bad. */
export function State({ kind, children }: { kind: "good" | "over" | "bad"; children: ComponentChildren }) {
  return <span class={`state ${kind}`}><span class="mark" aria-hidden="true" />{children}</span>;
}

export function Facts({ rows }: { rows: ReadonlyArray<readonly [string, ComponentChildren]> }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => value !== null && value !== undefined && (
        <div key={name}><dt>{name}</dt><dd>{value}</dd></div>
      ))}
    </dl>
  );
}

/** Which of several lists: links, so that each has an address. */
export function Pills<T extends string>({ label, name, all, chosen, text }:
  { label: string; name: string; all: readonly T[]; chosen: T; text: (value: T) => string }) {
  return (
    <nav class="pills" aria-label={label}>
      {all.map((value, i) => (
        <a key={value} href={urlWith({ [name]: i === 0 ? undefined : value, cursor: undefined, open: undefined })}
          {...(value === chosen ? { "aria-current": "true" as const } : {})}>{text(value)}</a>
      ))}
    </nav>
  );
}

export function chosenOf<T extends string>(all: readonly [T, ...T[]], name: string): T {
  const wanted = place.value.query.get(name);
  return all.find((one) => one === wanted) ?? all[0];
}

/** What is searched for is in the address. */
export function SearchBox({ search, label, name = "q" }: { search: string; label: string; name?: string }) {
  const [text, setText] = useState(search);
  return (
    <form role="search" class="inline" onSubmit={(event) => {
      event.preventDefault();
      go(urlWith({ [name]: text.trim(), cursor: undefined, open: undefined }));
    }}>
      <input id="settings-search" type="search" value={text} aria-label={label} placeholder={label} maxLength={200}
        onInput={(event) => setText(event.currentTarget.value)} />
    </form>
  );
}
