// Notifications: what each kind of channel needs, a channel's form as the API wants it, and severities within a filter.
import type { NotificationChannel, NotificationChannelNew, NotificationDelivery } from "../generated/schemas";

export const SEVERITIES = ["critical", "high", "medium", "low", "info"] as const;
export type Severity = (typeof SEVERITIES)[number];
export type Kind = NotificationChannel["kind"];
export type Channel = NotificationChannel;
export type Delivery = NotificationDelivery;

export interface Part {
  name: string;
  kind: "text" | "number" | "list" | "pem" | "security";
  /** Written, never shown again. */
  secret?: boolean;
  required?: boolean;
  /** What is sent goes elsewhere when it changes: then the secrets have to be given anew. */
  moves?: boolean;
  /** Rarely needed: folded away. */
  rare?: boolean;
  example?: string;
}

const CA: Part = { name: "ca", kind: "pem", moves: true, rare: true };
const AUTHORIZATION: Part = { name: "authorization", kind: "text", secret: true, rare: true, example: "Bearer …" };
const ENDPOINT: Part = { name: "endpoint", kind: "text", moves: true, rare: true, example: "https://vpce-….amazonaws.com" };

/** In the order in which they are asked for. */
export const PARTS: Record<Kind, readonly Part[]> = {
  email: [
    { name: "to", kind: "list", required: true, example: "oncall@example.com" },
    { name: "from", kind: "text", required: true, example: "Hinomi <hinomi@example.com>" },
    { name: "host", kind: "text", required: true, moves: true, example: "smtp.example.com" },
    { name: "security", kind: "security", moves: true },
    { name: "port", kind: "number", moves: true },
    { name: "user", kind: "text" },
    { name: "password", kind: "text", secret: true },
    CA,
  ],
  slack: [
    { name: "url", kind: "text", secret: true, required: true, example: "https://hooks.slack.com/services/…" }, CA,
  ],
  webhook: [
    { name: "url", kind: "text", required: true, moves: true, example: "https://hooks.example.com/hinomi" },
    { name: "secret", kind: "text", secret: true, required: true },
    AUTHORIZATION, CA,
  ],
  falcosidekick: [
    { name: "url", kind: "text", required: true, moves: true, example: "https://falcosidekick.example.com:2801/" },
    AUTHORIZATION, CA,
  ],
  sns: [
    { name: "topic_arn", kind: "text", required: true, example: "arn:aws:sns:eu-west-1:111122223333:findings" }, ENDPOINT,
  ],
  eventbridge: [
    { name: "bus", kind: "text", example: "default" },
    { name: "region", kind: "text", example: "eu-west-1" },
    { name: "source", kind: "text", rare: true, example: "hinomi" },
    ENDPOINT,
  ],
};

export const KINDS = Object.keys(PARTS) as Kind[];

/** What is written in a channel's form, by names of parts. */
export type Values = Record<string, string>;

export function valuesOf(channel: Channel): Values {
  const config = channel.config as Record<string, unknown>;
  return Object.fromEntries(PARTS[channel.kind].filter((part) => !part.secret).map(({ name }) => {
    const value = config[name];
    return [name, Array.isArray(value) ? value.join("\n") : value === undefined || value === null ? "" : String(value)];
  }));
}

function valueOf(part: Part, text: string): string | number | string[] | undefined {
  const value = text.trim();
  if (part.kind === "list") return value.split(/[\s,;]+/).filter(Boolean);
  if (value === "") return undefined;
  return part.kind === "number" ? Number(value) : value;
}

export function configOf(kind: Kind, values: Values): NotificationChannelNew["config"] {
  const pairs = PARTS[kind].filter((part) => !part.secret).map((part) => [part.name, valueOf(part, values[part.name] ?? "")]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined)) as NotificationChannelNew["config"];
}

type Secrets = NonNullable<NotificationChannelNew["secrets"]>;

/** Those that were written; `remove` takes away what was set. */
export function secretsOf(kind: Kind, values: Values, remove: readonly string[] = []): Secrets {
  const secrets: Record<string, string | null> = {};
  for (const { name, secret } of PARTS[kind]) {
    if (secret && values[name]) secrets[name] = values[name];
    else if (secret && remove.includes(name)) secrets[name] = null;
  }
  return secrets;
}

/** Is it going elsewhere than before? */
export function isMoved(channel: Channel, values: Values): boolean {
  const before = valuesOf(channel);
  return PARTS[channel.kind].some(({ name, moves }) => moves && (values[name] ?? "").trim() !== (before[name] ?? ""));
}

/** Names of the parts that are still needed. */
export function lacking(kind: Kind, values: Values, kept: readonly string[] = []): string[] {
  return PARTS[kind].filter(({ name, required }) => required && !values[name]?.trim() && !kept.includes(name))
    .map(({ name }) => name);
}

/* ---- a rule's filter: severities chosen by clicking, the rest as it is written */

export interface Wanted { bands: Severity[]; rest: string }

const CHOSEN = /^severity in \(([a-z]+(?:, [a-z]+)*)\)(?: and \(([\s\S]+)\))?$/;

function isOneGroup(text: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "\\" && quoted) i++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === "(") depth++;
    else if (!quoted && c === ")" && --depth < 0) return false;
  }
  return depth === 0 && !quoted;
}

export function wantedOf(filter: string): Wanted {
  const found = CHOSEN.exec(filter.trim());
  const rest = found?.[2] ?? "";
  const names = (found?.[1] ?? "").split(", ");
  const known = names.every((name) => (SEVERITIES as readonly string[]).includes(name));
  if (!found || !known || !isOneGroup(rest)) return { bands: [], rest: filter };
  return { bands: SEVERITIES.filter((band) => names.includes(band)), rest };
}

/** No band, and every band, is any severity. */
export function filterOf({ bands, rest }: Wanted): string {
  const own = rest.trim();
  if (bands.length === 0 || bands.length === SEVERITIES.length) return own;
  const chosen = `severity in (${SEVERITIES.filter((band) => bands.includes(band)).join(", ")})`;
  return own ? `${chosen} and (${own})` : chosen;
}

/* ---- throttles */

export const THROTTLES = [0, 60, 300, 900, 3600, 14_400, 86_400] as const;

/** "5 minutes": the largest unit that says it exactly. */
export function unitOf(seconds: number): { unit: "second" | "minute" | "hour" | "day"; count: number } {
  if (seconds % 86_400 === 0) return { unit: "day", count: seconds / 86_400 };
  if (seconds % 3600 === 0) return { unit: "hour", count: seconds / 3600 };
  return seconds % 60 === 0 ? { unit: "minute", count: seconds / 60 } : { unit: "second", count: seconds };
}
