// A part of a screen with a heading, and a list of values with their numbers as bars.
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { number, t } from "../core/i18n";
import { Text } from "./text";

export function Panel({ title, more, children, class: name = "" }:
  { title: ComponentChildren; more?: ComponentChildren; children: ComponentChildren; class?: string }) {
  const id = useId();
  return (
    <section class={`panel ${name}`} aria-labelledby={id}>
      <div class="panel-head"><h2 id={id}>{title}</h2>{more}</div>
      {children}
    </section>
  );
}

export interface Ranked { value: string | null; count: number }

/** The longest bar is the largest number. */
export function Ranking({ items, hrefOf, rest }: { items: Ranked[]; hrefOf: (value: string | null) => string; rest: number }) {
  const most = Math.max(1, ...items.map((item) => item.count));
  if (items.length === 0) return <p class="faint">{t("overview.noneYet")}</p>;
  return (
    <>
      <ol class="ranking">
        {items.map((item) => (
          <li key={item.value ?? ""}>
            <a href={hrefOf(item.value)}>
              <span class="value">{item.value === null ? t("findings.noValue") : <Text of={item.value} />}</span>
              <span class="number">{number(item.count)}</span>
            </a>
            <svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
              <rect class="track" width={100} height={4} /><rect class="level" width={item.count / most * 100} height={4} />
            </svg>
          </li>
        ))}
      </ol>
      {rest > 0 && <p class="faint">{t("findings.rest", { count: rest })}</p>}
    </>
  );
}
