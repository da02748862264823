// A file as the body of a request, with progress: fetch() does not tell how much of a body has gone.
import { csrfToken, urlOf } from "./api";
import { Problem } from "./problem";

export interface Sent { status: number; body: Record<string, unknown> }

export interface Upload {
  url: string;
  file: Blob;
  onProgress: (share: number) => void;
  signal: AbortSignal;
}

function bodyOf(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null ? body as Record<string, unknown> : {};
  } catch {
    return {};
  }
}

export function uploadUrl(operation: string, path: Record<string, string>, query: Record<string, string | undefined>): string {
  return urlOf(operation, { path, query });
}

/** Whatever the server answers; fails only when it does not. */
export function upload({ url, file, onProgress, signal }: Upload): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", "text/plain");
    request.setRequestHeader("X-Hinomi-CSRF", csrfToken());
    request.upload.onprogress = (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); };
    request.upload.onload = () => onProgress(1);
    request.onload = () => resolve({ status: request.status, body: bodyOf(request.responseText) });
    request.onerror = () => reject(new Problem(0, "offline", ""));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** An answer that is no success, as other requests have it. */
export function problemOfSent({ status, body }: Sent): Problem {
  const text = (name: string) => typeof body[name] === "string" ? body[name] as string : "";
  return new Problem(status, text("code") || "unknown", text("detail"), text("request"));
}
