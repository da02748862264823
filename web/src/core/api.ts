// Requests to the server: typed by routes.ts, with the session's CSRF token, failures as Problem.
//
// The session itself is in a cookie that no script reads. A token that is out of date (another tab logged in anew) is
// fetched again once; a session that has ended shows the log-in, and the screen stays where it was.
import { Problem, problemOf } from "./problem";
import type { Answer, Arguments, Operation } from "./routes";

interface Loose {
  path?: Record<string, string>;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  signal?: AbortSignal;
}

let csrf = "";
let onEnd: () => void = () => undefined;

export function setCsrf(token: string): void {
  csrf = token;
}

/** For requests that do not go through here. */
export function csrfToken(): string {
  return csrf;
}

/** Called when the server no longer knows this session. */
export function whenSessionEnds(call: () => void): void {
  onEnd = call;
}

export function urlOf(operation: string, call: Loose): string {
  const path = operation.slice(operation.indexOf(" ") + 1)
    .replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(call.path?.[name] ?? ""));
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(call.query ?? {})) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function send(operation: string, call: Loose): Promise<Response> {
  const method = operation.slice(0, operation.indexOf(" "));
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET" && csrf) headers["X-Hinomi-CSRF"] = csrf;
  if (call.body !== undefined) headers["Content-Type"] = "application/json";
  try {
    return await fetch(urlOf(operation, call), {
      method, headers, credentials: "same-origin", redirect: "error",
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      ...(call.signal ? { signal: call.signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "offline", "");
  }
}

async function renewCsrf(): Promise<boolean> {
  const response = await send("GET /v1/session", {});
  if (!response.ok) return false;
  csrf = ((await response.json()) as { csrf: string }).csrf;
  return true;
}

export async function api<O extends Operation>(operation: O, ...[call]: Arguments<O>): Promise<Answer<O>> {
  const loose: Loose = (call ?? {}) as Loose;
  let response = await send(operation, loose);
  if (response.status === 403 && operation !== "POST /v1/session") {
    const problem = await problemOf(response);
    if (problem.code !== "csrf" || !(await renewCsrf())) throw problem;
    response = await send(operation, loose);
  }
  if (response.ok) {
    return (response.status === 204 ? undefined : await response.json()) as Answer<O>;
  }
  const problem = await problemOf(response);
  if (response.status === 401 && !operation.endsWith("/v1/session")) onEnd();
  throw problem;
}
