// The box for the filter language: completes fields, operators and values (arrow keys, Enter or Tab take one), and says
// what is wrong while somebody writes.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import {
  fitting, fixedValues, LISTED, operatorsOf, slotAt, written, type Slot,
} from "../core/filter-complete";
import { number, t } from "../core/i18n";
import { Problem } from "../core/problem";
import type { Fields } from "../generated/schemas";
import { Text } from "./text";

export type FilterMode = "findings" | "activity" | "alerts";

interface Props {
  value: string;
  onValue: (value: string) => void;
  onSubmit: () => void;
  label: string;
  id: string;
  mode: FilterMode;
}

interface Offer { text: string; insert: string; note: string }

const MOST = 12;
const CALM_MS = 250;
const CHECK_MS = 500;
let fields: Promise<Fields> | null = null;

function allFields(): Promise<Fields> {
  fields ??= api("GET /v1/fields").catch((error: unknown) => {
    fields = null;
    throw error;
  });
  return fields;
}

function fieldOffers(known: Fields, slot: Slot, mode: FilterMode): Offer[] {
  const usable = known.items.filter((field) => field.over.includes(mode));
  const words = slot.prefix === "" ? [] : fitting(["not"], slot.prefix, (word) => word, 1);
  return [
    ...words.map((word) => ({ text: word, insert: `${word} `, note: t("filter.not") })),
    ...fitting(usable, slot.prefix, (field) => field.name, MOST).map((field) => ({
      text: field.name, insert: field.argument ? `${field.name}[` : `${field.name} `, note: field.doc,
    })),
  ];
}

function operatorOffers(known: Fields, slot: Slot): Offer[] {
  const field = known.items.find((one) => one.name === slot.field);
  const exact = fitting(operatorsOf(field, known.operators), slot.prefix, (op) => op, MOST);
  return exact.map((op) => ({ text: op, insert: LISTED.has(op) ? `${op} (` : `${op} `, note: "" }));
}

async function keptValues(field: string, mode: FilterMode, signal: AbortSignal) {
  if (mode !== "findings") return [];
  try {
    const answer = await api("GET /v1/findings/facets", { query: { facets: field, top: 100 }, signal });
    return answer.facets[0]?.values ?? [];
  } catch (error) {
    if (error instanceof Problem && error.code === "no_such_facet") return [];
    throw error;
  }
}

type ValueSlot = Slot & { kind: "value" };

async function valueOffers(known: Fields, slot: ValueSlot, mode: FilterMode, signal: AbortSignal): Promise<Offer[]> {
  const fixed = fixedValues(known.items.find((one) => one.name === slot.field));
  const tail = slot.listed ? "" : " ";
  const offer = (text: string, note: string) => ({ text, insert: `${written(text)}${tail}`, note });
  if (fixed) return fitting(fixed, slot.prefix, (value) => value, MOST).map((value) => offer(value, ""));
  const values = (await keptValues(slot.field, mode, signal)).filter((one) => one.value !== null);
  return fitting(values, slot.prefix, (one) => one.value ?? "", MOST)
    .map((one) => offer(one.value ?? "", t("findings.count", { count: one.count })));
}

async function offersFor(slot: Slot, mode: FilterMode, signal: AbortSignal): Promise<Offer[]> {
  const known = await allFields();
  switch (slot.kind) {
    case "field": return fieldOffers(known, slot, mode);
    case "operator": return operatorOffers(known, slot);
    case "value": return valueOffers(known, slot, mode, signal);
    default: return fitting(["and", "or"], slot.prefix, (word) => word, 2)
      .map((word) => ({ text: word, insert: `${word} `, note: t(word === "and" ? "filter.and" : "filter.or") }));
  }
}

/** Nothing is offered that is already there. */
function useOffers(slot: Slot | null, mode: FilterMode): Offer[] {
  const [offers, setOffers] = useState<Offer[]>([]);
  const key = slot && JSON.stringify(slot);
  useEffect(() => {
    if (!slot) {
      setOffers([]);
      return undefined;
    }
    const control = new AbortController();
    const timer = setTimeout(() => {
      offersFor(slot, mode, control.signal).then((found) => {
        if (!control.signal.aborted) setOffers(found.filter((one) => one.insert.trim() !== slot.prefix));
      }, () => setOffers([]));
    }, slot.kind === "value" ? CALM_MS : 0);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [key, mode]);
  return offers;
}

/** What the server's compiler says of it, once somebody pauses. */
function useFault(value: string, mode: FilterMode): string {
  const [fault, setFault] = useState("");
  useEffect(() => {
    setFault("");
    if (mode !== "findings" || !value.trim()) return undefined;
    const control = new AbortController();
    const timer = setTimeout(() => {
      api("GET /v1/findings", { query: { filter: value.trim(), from: String(Date.now()), limit: 1 }, signal: control.signal })
        .catch((error: unknown) => {
          if (error instanceof Problem && error.code === "bad_filter" && !control.signal.aborted) setFault(error.detail);
        });
    }, CHECK_MS);
    return () => {
      clearTimeout(timer);
      control.abort();
    };
  }, [value, mode]);
  return fault;
}

/** The column is that of what was written, without the parenthesis that the server sets before it. */
function Fault({ of, id }: { of: string; id: string }) {
  const found = /^filter, column (\d+): ([\s\S]*)$/.exec(of);
  return (
    <p id={id} class="fault filter-fault" role="status">
      {of && (found ? <>{t("filter.fault", { column: number(Math.max(1, Number(found[1]) - 1)) })} <Text of={found[2]} /></>
        : <Text of={of} />)}
    </p>
  );
}

function Offers({ offers, at, id, onTake, onPoint }:
  { offers: Offer[]; at: number; id: string; onTake: (offer: Offer) => void; onPoint: (at: number) => void }) {
  useEffect(() => { document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: "nearest" }); }, [at]);
  return (
    <ul class="offers" role="listbox" id={id} aria-label={t("filter.offers")}>
      {offers.map((offer, i) => (
        <li key={offer.text} id={`${id}-${i}`} role="option" aria-selected={i === at}
          onPointerMove={() => { if (i !== at) onPoint(i); }}
          onPointerDown={(event) => { event.preventDefault(); onTake(offer); }}>
          <span class="mono"><Text of={offer.text} /></span>{offer.note && <span class="faint">{offer.note}</span>}
        </li>
      ))}
    </ul>
  );
}

export function FilterInput({ value, onValue, onSubmit, label, id, mode }: Props) {
  const box = useRef<HTMLInputElement>(null);
  const [cursor, setCursor] = useState<number | null>(null);
  const [chosen, setChosen] = useState(-1);
  const [shut, setShut] = useState(false);
  const listId = useId();
  const slot = cursor === null || shut ? null : slotAt(value, cursor);
  const offers = useOffers(slot, mode);
  const fault = useFault(value, mode);
  const open = slot !== null && offers.length > 0;
  const at = Math.min(chosen, offers.length - 1);
  const look = () => setCursor(box.current?.selectionStart ?? null);
  const take = (offer: Offer) => {
    if (!slot) return;
    const text = value.slice(0, slot.from) + offer.insert + value.slice(slot.to).replace(/^\s+/, "");
    const to = slot.from + offer.insert.length;
    onValue(text);
    setChosen(-1);
    requestAnimationFrame(() => {
      box.current?.setSelectionRange(to, to);
      setCursor(to);
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const offer = open ? offers[at] : undefined;
    if (event.isComposing) return;
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && (open || shut)) {
      event.preventDefault();
      setShut(false);
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (open) setChosen((at + step + offers.length + (at < 0 && step < 0 ? 1 : 0)) % offers.length);
    } else if ((event.key === "Enter" || event.key === "Tab") && offer) {
      event.preventDefault();
      take(offer);
    } else if (event.key === "Enter") {
      event.preventDefault();
      setShut(true);
      onSubmit();
    } else if (event.key === "Escape" && open) {
      event.preventDefault();
      event.stopPropagation();
      setShut(true);
    }
  };
  return (
    <div class="filter-input">
      <input ref={box} id={id} type="text" class="mono" value={value} maxLength={4000} spellcheck={false} autocapitalize="off"
        autocomplete="off" placeholder={t(mode === "findings" ? "findings.filterHint" : "filter.hint")} aria-label={label}
        role="combobox" aria-autocomplete="list" aria-expanded={open} aria-invalid={fault !== ""}
        aria-describedby={`${listId}-fault`} {...(open ? { "aria-controls": listId } : {})}
        {...(open && at >= 0 ? { "aria-activedescendant": `${listId}-${at}` } : {})}
        onInput={(event) => { onValue(event.currentTarget.value); setShut(false); setChosen(-1); look(); }}
        onKeyDown={onKeyDown} onKeyUp={(event) => { if (/^(Arrow(Left|Right)|Home|End)$/.test(event.key)) look(); }}
        onClick={() => { setShut(false); look(); }} onFocus={look} onBlur={() => { setCursor(null); setChosen(-1); }} />
      {open && <Offers offers={offers} at={at} id={listId} onTake={take} onPoint={setChosen} />}
      <Fault of={fault} id={`${listId}-fault`} />
    </div>
  );
}
