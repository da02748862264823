// How fast things arrive: a line of the last minutes for each counter, with its newest value in words.
import { number, t } from "../core/i18n";
import { points, ratesOf, type Reading } from "../core/rates";

const WIDTH = 240;
const HEIGHT = 44;
const NAMES = ["records", "alerts", "commits", "requests"] as const;

function shown(value: number): string {
  return number(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}

function Rate({ name, values }: { name: (typeof NAMES)[number]; values: number[] }) {
  const last = values[values.length - 1];
  const line = points(values, WIDTH, HEIGHT);
  return (
    <div class="tile rate">
      <dt>{t(`system.rate.${name}`)}</dt>
      <dd>
        {last === undefined ? <span class="faint">…</span> : t("system.perSecond", { n: shown(last) })}
        <svg viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`} preserveAspectRatio="none" aria-hidden="true">
          {line && <polygon class="under" points={`0,${HEIGHT} ${line} ${WIDTH},${HEIGHT}`} />}
          {line && <polyline points={line} />}
        </svg>
        <span class="faint most">{values.length > 1 && t("system.mostSecond", { n: shown(Math.max(...values)) })}</span>
      </dd>
    </div>
  );
}

export function Rates({ readings }: { readings: Reading[] }) {
  return (
    <dl class="tiles rates" aria-label={t("system.rates")}>
      {NAMES.map((name) => <Rate key={name} name={name} values={ratesOf(readings, name)} />)}
    </dl>
  );
}
