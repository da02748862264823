// Processes as a tree, drawn: one row each, lines from parent to child. It is a tree for screen readers and keys, too
// (WAI-ARIA: arrows move, open and close; Home and End; Enter chooses); one node at a time is in the order of Tab.
import { useEffect, useRef, useState } from "preact/hooks";
import { commandOf, rowsOf, type ProcessNode } from "../core/forest";
import { t } from "../core/i18n";
import { visibleText } from "../core/visible";

const ROW = 46;
const LEFT = 18;
const STEP = 24;
/** Of the width that indentation may take. */
const SHARE = 0.35;
const SHOWN_TEXT = 300;

function useWidth(): [{ current: HTMLDivElement | null }, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(600);
  useEffect(() => {
    if (!box.current) return undefined;
    const observer = new ResizeObserver(([entry]) => { if (entry) setWidth(entry.contentRect.width); });
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

function nameOf(node: ProcessNode): string {
  return node.name || node.exe || t("finding.unknownProcess");
}

interface Said { name: string; badge: string; command: string }

/** What a row says; the same to eyes and to screen readers. */
function sayOf(node: ProcessNode): Said {
  const badge = [node.pid !== null ? t("finding.pid", { pid: String(node.pid) }) : "",
    node.culprit ? t("finding.culprit") : node.beside ? t("finding.beside") : ""].filter(Boolean).join(" · ");
  const shown = (text: string) => visibleText(text).slice(0, SHOWN_TEXT);
  return { name: shown(nameOf(node)), badge, command: shown(commandOf(node)) };
}

interface RowProps {
  node: ProcessNode;
  at: number;
  x: number;
  width: number;
  closed: boolean;
  chosen: boolean;
  inOrder: boolean;
  onChoose: () => void;
  onToggle: () => void;
}

function Marker({ node, x, y }: { node: ProcessNode; x: number; y: number }) {
  return node.culprit
    ? <path class="node culprit" d={`M${x} ${y - 7}l7 7-7 7-7-7z`} />
    : <circle class={node.beside ? "node beside" : "node"} cx={x} cy={y} r={5.5} />;
}

/** The small sign by which a mouse opens and closes; keys have their arrows. */
function isFold(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest(".fold") !== null;
}

function Row({ node, at, x, width, closed, chosen, inOrder, onChoose, onToggle }: RowProps) {
  const y = at * ROW + ROW / 2;
  const siblings = node.parent?.children ?? [node];
  const { name, badge, command } = sayOf(node);
  return (
    <g role="treeitem" data-key={node.key} tabindex={inOrder ? 0 : -1} aria-level={node.level} aria-selected={chosen}
      aria-label={[name, badge, command].filter(Boolean).join(" ")} aria-setsize={siblings.length}
      aria-posinset={siblings.indexOf(node) + 1}
      {...(node.children.length > 0 ? { "aria-expanded": !closed } : {})}
      onClick={(event) => { if (isFold(event.target)) onToggle(); else onChoose(); }}>
      <rect class="row" x={x - 12} y={at * ROW + 2} width={Math.max(0, width - x + 10)} height={ROW - 4} rx={6} />
      <Marker node={node} x={x} y={y} />
      {node.children.length > 0 && (
        <g class="fold" aria-hidden="true">
          <rect x={x - 11} y={y + 6} width={22} height={16} />
          <path d={closed ? `M${x - 4} ${y + 11}h8M${x} ${y + 7}v8` : `M${x - 4} ${y + 11}h8`} />
        </g>
      )}
      <text x={x + 14} y={y - 4} class="name">
        {name}{" "}<tspan class="badge" dx="6">{badge}</tspan>{" "}
      </text>
      <text x={x + 14} y={y + 13} class="command">{command}</text>
    </g>
  );
}

function Lines({ rows, xOf }: { rows: ProcessNode[]; xOf: (node: ProcessNode) => number }) {
  const at = new Map(rows.map((node, i) => [node.key, i]));
  return (
    <g aria-hidden="true">
      {rows.map((node, i) => {
        const above = node.parent ? at.get(node.parent.key) : undefined;
        if (!node.parent || above === undefined) return null;
        const x = xOf(node.parent);
        const y = i * ROW + ROW / 2;
        return <path key={node.key} class={node.beside ? "line beside" : "line"}
          d={`M${x} ${above * ROW + ROW / 2 + 8}V${y - 6}q0 6 6 6H${xOf(node) - 7}`} />;
      })}
    </g>
  );
}

interface Props {
  roots: ProcessNode[];
  label: string;
  chosen: string | undefined;
  onChoose: (node: ProcessNode) => void;
}

interface Moves { rows: ProcessNode[]; at: number; closed: ReadonlySet<string>; toggle: (key: string) => void }

/** The row that a key leads to; undefined: the key is none of the tree's, or it opened or closed something. */
function target(key: string, { rows, at, closed, toggle }: Moves): number | undefined {
  const node = rows[at];
  if (!node) return undefined;
  const open = node.children.length > 0 && !closed.has(node.key);
  if (key === "ArrowDown") return Math.min(rows.length - 1, at + 1);
  if (key === "ArrowUp") return Math.max(0, at - 1);
  if (key === "Home") return 0;
  if (key === "End") return rows.length - 1;
  if (key === "ArrowRight" && open) return at + 1;
  if (key === "ArrowRight" && node.children.length > 0) toggle(node.key);
  if (key === "ArrowLeft" && open) toggle(node.key);
  else if (key === "ArrowLeft" && node.parent) return rows.indexOf(node.parent);
  return undefined;
}

const KEYS = new Set(["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End", "Enter", " "]);

export function ProcessTree({ roots, label, chosen, onChoose }: Props) {
  const [box, width] = useWidth();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState<string>();
  const rows = rowsOf(roots, closed);
  const found = rows.findIndex((node) => node.key === (current ?? chosen));
  const at = found < 0 ? Math.max(0, rows.findIndex((node) => node.culprit)) : found;
  const deepest = Math.max(1, ...rows.map((node) => node.level));
  const step = Math.min(STEP, (width * SHARE) / deepest);
  const xOf = (node: ProcessNode) => LEFT + (node.level - 1) * step;
  const toggle = (key: string) => setClosed((old) => {
    const now = new Set(old);
    if (!now.delete(key)) now.add(key);
    return now;
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const node = rows[at];
    if (!KEYS.has(event.key) || !node || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Enter" || event.key === " ") onChoose(node);
    const to = rows[target(event.key, { rows, at, closed, toggle }) ?? -1];
    if (!to) return;
    setCurrent(to.key);
    box.current?.querySelector<SVGElement>(`[data-key="${to.key}"]`)?.focus();
  };
  return (
    <div class="process-tree lineage" ref={box}>
      <svg role="tree" aria-label={label} width={width} height={rows.length * ROW} onKeyDown={onKeyDown}>
        <Lines rows={rows} xOf={xOf} />
        {rows.map((node, i) => (
          <Row key={node.key} node={node} at={i} x={xOf(node)} width={width} closed={closed.has(node.key)}
            chosen={node.key === chosen} inOrder={i === at} onToggle={() => toggle(node.key)}
            onChoose={() => { setCurrent(node.key); onChoose(node); }} />
        ))}
      </svg>
    </div>
  );
}
