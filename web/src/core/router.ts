// Where the reader is: the path and the query, both in the address, so that every view can be linked and gone back to.
import { signal } from "@preact/signals";

export interface Place {
  path: string;
  query: URLSearchParams;
  hash: string;
}

function here(): Place {
  const { pathname, search, hash } = window.location;
  return { path: pathname, query: new URLSearchParams(search), hash: hash.slice(1) };
}

export const place = signal<Place>(typeof window === "undefined"
  ? { path: "/", query: new URLSearchParams(), hash: "" } : here());

export function go(url: string, how: "push" | "replace" = "push"): void {
  if (how === "push") {
    window.history.pushState(null, "", url);
  } else {
    window.history.replaceState(null, "", url);
  }
  place.value = here();
}

/** The address with some names of the query changed; undefined takes one out. */
export function urlWith(changes: Record<string, string | string[] | undefined>, path = place.value.path): string {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== "") query.append(name, one);
    }
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** "/findings/{id}" and "/findings/abc" → { id: "abc" }; null: another path. */
export function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  if (wanted.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [i, part] of wanted.entries()) {
    const given = parts[i] ?? "";
    if (!part.startsWith("{")) {
      if (part !== given) return null;
      continue;
    }
    try {
      params[part.slice(1, -1)] = decodeURIComponent(given);
    } catch {
      return null;
    }
  }
  return params;
}

function isOurs(event: MouseEvent, link: HTMLAnchorElement): boolean {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey &&
    !event.defaultPrevented && link.origin === window.location.origin && !link.target &&
    !link.hasAttribute("download") && !link.pathname.startsWith("/v1/");
}

/** Links within the console are followed without loading it anew. */
export function startRouter(): void {
  window.addEventListener("popstate", () => { place.value = here(); });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (link instanceof HTMLAnchorElement && link.getAttribute("href")?.startsWith("/") && isOurs(event, link)) {
      event.preventDefault();
      go(link.pathname + link.search + link.hash);
      window.scrollTo(0, 0);
    }
  });
}
