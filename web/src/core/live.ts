// What changes on the server, as it happens. All tabs of a browser share one stream: the tab that holds the lock has
// it and passes everything on; when it goes, another takes over. Where there are no locks each tab has its own.
import { signal } from "@preact/signals";

export interface FindingEvent {
  id?: string;
  change: "new" | "updated" | "many";
  status?: string;
  assignee?: string | null;
  severity?: number;
  count?: number;
  last_seen_ms?: number;
}
export interface AgentEvent { id: string; state?: string; bundle?: number }
export interface ContentEvent { version: number }

interface Topics {
  finding: FindingEvent;
  agent: AgentEvent;
  content: ContentEvent;
  system: Record<string, unknown>;
  /** Some were lost: ask again for whatever is shown. */
  lost: Record<string, never>;
}
export type Topic = keyof Topics;
export type LiveState = "off" | "connecting" | "live";
type Message = { topic: Topic; data: unknown } | { state: LiveState } | { ask: true };

const TOPICS: readonly Topic[] = ["finding", "agent", "content", "system", "lost"];
const AGAIN_MS = 5000;

export const liveState = signal<LiveState>("off");

const listeners = new Map<Topic, Set<(data: never) => void>>();
let channel: BroadcastChannel | null = null;
let source: EventSource | null = null;
let stop: AbortController | null = null;

export function listen<T extends Topic>(topic: T, call: (data: Topics[T]) => void): () => void {
  const set = listeners.get(topic) ?? new Set();
  listeners.set(topic, set);
  set.add(call);
  return () => { set.delete(call); };
}

export function deliver(topic: Topic, data: unknown): void {
  for (const call of listeners.get(topic) ?? []) call(data as never);
}

function setState(state: LiveState): void {
  if (liveState.value === "connecting" && state === "live") deliver("lost", {});
  liveState.value = state;
}

function tellOthers(message: Message): void {
  channel?.postMessage(message);
}

function lead(state: LiveState): void {
  setState(state);
  tellOthers({ state });
}

function open(signal: AbortSignal): void {
  if (signal.aborted) return;
  source = new EventSource("/v1/events");
  source.onopen = () => lead("live");
  source.onerror = () => {
    lead("connecting");
    if (source?.readyState === EventSource.CLOSED) window.setTimeout(() => open(signal), AGAIN_MS);
  };
  for (const topic of TOPICS) {
    source.addEventListener(topic, (event: MessageEvent<string>) => {
      let data: unknown;
      try {
        data = JSON.parse(event.data);
      } catch {
        return;
      }
      deliver(topic, data);
      tellOthers({ topic, data });
    });
  }
}

function hear(message: Message): void {
  if ("ask" in message) {
    if (source) tellOthers({ state: liveState.value });
  } else if ("state" in message) {
    if (!source) setState(message.state);
  } else {
    deliver(message.topic, message.data);
  }
}

export function startLive(): void {
  if (stop) return;
  const control = new AbortController();
  stop = control;
  setState("connecting");
  channel = new BroadcastChannel("hinomi.events");
  channel.onmessage = (event: MessageEvent<Message>) => hear(event.data);
  tellOthers({ ask: true });
  if (!navigator.locks) {
    open(control.signal);
    return;
  }
  navigator.locks.request("hinomi.events", { signal: control.signal }, () => {
    open(control.signal);
    return new Promise<void>((resolve) => control.signal.addEventListener("abort", () => resolve()));
  }).catch(() => undefined);
}

export function stopLive(): void {
  stop?.abort();
  stop = null;
  source?.close();
  source = null;
  channel?.close();
  channel = null;
  liveState.value = "off";
}
