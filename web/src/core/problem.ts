// Why a request failed, and what a person can do about it. The server's problems (RFC 9457) have a stable code.
import type { Problem as Body } from "../generated/schemas";
import { t, type Key } from "./i18n";
import { said } from "./said";

export interface Diagnostic {
  message: string;
  hint?: string;
  item?: string;
  line?: number;
  column?: number;
}

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly request = "",
    readonly diagnostics: Diagnostic[] = [],
    readonly waitSeconds = 0,
  ) {
    super(detail || code);
  }
}

export async function problemOf(response: Response): Promise<Problem> {
  let body: Partial<Body> & { diagnostics?: Diagnostic[] } = {};
  try {
    body = (await response.json()) as typeof body;
  } catch {
    body = {};
  }
  const wait = Number(response.headers.get("Retry-After") ?? 0);
  return new Problem(response.status, body.code ?? "unknown", body.detail ?? "", body.request ?? "",
    body.diagnostics ?? [], Number.isFinite(wait) ? wait : 0);
}

const ADVICE: Record<string, Key> = {
  offline: "problem.offline", unauthorized: "problem.unauthorized", forbidden: "problem.forbidden",
  wrong_credentials: "problem.login", too_many_requests: "problem.wait", changed_meanwhile: "problem.changed",
  busy: "problem.busy", setup_over: "problem.setupOver", bad_filter: "problem.filter", bad_password: "problem.password",
  bad_name: "problem.name", query_too_slow: "problem.slow", content_invalid: "problem.content",
  // settings
  exists: "problem.exists", last_admin: "problem.lastAdmin", own_account: "problem.ownAccount", limit: "problem.limit",
  wrong_password: "problem.wrongPassword", too_much: "problem.tooMuch", backup_running: "problem.backupRunning",
  everything: "problem.everything",
  changed: "problem.changed", count_changed: "problem.changed",
};

function adviceKey(problem: Problem): Key {
  const known = ADVICE[problem.code];
  if (known) return known;
  if (problem.status === 404) return "problem.gone";
  if (problem.status === 429) return "problem.wait";
  if (problem.status === 507) return "problem.disk";
  if (problem.status >= 500) return "problem.server";
  return "problem.other";
}

export interface Told {
  /** What to do, in the reader's language. */
  advice: string;
  /** What the server said; as it said it where no translation is known. */
  detail: string;
  request: string;
}

export function tell(error: unknown): Told {
  if (!(error instanceof Problem)) {
    return { advice: t("problem.bug"), detail: error instanceof Error ? error.message : String(error), request: "" };
  }
  const told = error.diagnostics.map((d) => [d.item, said(d.message), d.hint ? said(d.hint) : ""].filter(Boolean).join(": "));
  const wait = error.waitSeconds > 0 ? ` ${t("problem.retryIn", { seconds: error.waitSeconds })}` : "";
  return {
    advice: t(adviceKey(error)) + wait,
    detail: told.length > 0 ? told.join("\n") : said(error.detail),
    request: error.request,
  };
}
