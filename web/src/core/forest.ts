// Processes as a tree: the lineage of an alert, and what its processes started besides, as far as activity tells.
import type { Process } from "./alert";

export interface ProcessNode extends Process {
  key: string;
  level: number;
  children: ProcessNode[];
  /** It did what the finding is about. */
  culprit: boolean;
  /** Known from activity, not from the alert. */
  beside: boolean;
  parent: ProcessNode | null;
}

export interface Started { pid: number; ppid: number; name: string; exe: string; args: string; start: string | null }

const MOST = 60;

function lineageNodes(lineage: Process[]): ProcessNode[] {
  const nodes = lineage.map((process, i): ProcessNode => ({
    ...process, key: `l${i}`, level: i + 1, children: [], culprit: i === lineage.length - 1, beside: false, parent: null,
  }));
  nodes.forEach((node, i) => {
    node.parent = nodes[i - 1] ?? null;
    node.parent?.children.push(node);
  });
  return nodes;
}

function isSame(node: ProcessNode, one: Started): boolean {
  return node.pid === one.pid && (!node.beside || (node.exe === one.exe && node.args === one.args));
}

function place(nodes: ProcessNode[], one: Started): boolean {
  const parent = nodes.find((node) => node.pid === one.ppid);
  if (!parent || nodes.some((node) => isSame(node, one))) return false;
  const node: ProcessNode = {
    pid: one.pid, nsPid: null, name: one.name, exe: one.exe, args: one.args, uid: null, start: one.start, key: `b${nodes.length}`,
    level: parent.level + 1, children: [], culprit: false, beside: true, parent,
  };
  parent.children.push(node);
  nodes.push(node);
  return true;
}

/** The roots (one, unless there is no lineage). A started process whose parent is not in the tree is left out. */
export function forestOf(lineage: Process[], started: Started[]): ProcessNode[] {
  const nodes = lineageNodes(lineage);
  let left = started;
  while (left.length > 0 && nodes.length < MOST) {
    const before = nodes.length;
    left = left.filter((one) => nodes.length >= MOST || !place(nodes, one));
    if (nodes.length === before) break;
  }
  return nodes.filter((node) => node.parent === null);
}

/** What is shown, from top to bottom, when some nodes are closed. */
export function rowsOf(roots: ProcessNode[], closed: ReadonlySet<string>): ProcessNode[] {
  return roots.flatMap((node) => [node, ...(closed.has(node.key) ? [] : rowsOf(node.children, closed))]);
}

export function commandOf(node: Process): string {
  return [node.exe, node.args].filter(Boolean).join(" ");
}
