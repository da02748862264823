// Who is logged in, and what that one may.
import { computed, signal } from "@preact/signals";
import type { Me, SessionNew, SetupNew } from "../generated/schemas";
import { api, setCsrf, whenSessionEnds } from "./api";
import { setLanguage } from "./i18n";
import { startLive, stopLive } from "./live";
import { Problem } from "./problem";
import { setTheme } from "./theme";
import { setZone } from "./time";

export type Permission = Me["permissions"][number];

/** undefined: not asked yet; null: nobody. */
export const me = signal<Me | null | undefined>(undefined);
/** The log-in is shown because a session ended, not because nobody had come yet. */
export const ended = signal(false);
export const permissions = computed(() => new Set<Permission>(me.value?.permissions ?? []));

export function may(permission: Permission): boolean {
  return permissions.value.has(permission);
}

function nobody(): void {
  me.value = null;
  setCsrf("");
  stopLive();
}

whenSessionEnds(() => {
  ended.value = me.value != null;
  nobody();
});

async function enter(): Promise<void> {
  const who = await api("GET /v1/me");
  if (who.language) await setLanguage(who.language);
  if (who.theme) setTheme(who.theme);
  if (who.time_zone) setZone(who.time_zone === "UTC" ? "utc" : "local");
  ended.value = false;
  me.value = who;
  startLive();
}

/** At the start of the page. */
export async function resume(): Promise<void> {
  try {
    setCsrf((await api("GET /v1/session")).csrf);
    await enter();
  } catch (error) {
    nobody();
    if (!(error instanceof Problem) || error.status !== 401) throw error;
  }
}

async function begin(session: SessionNew): Promise<void> {
  setCsrf(session.csrf ?? "");
  await enter();
}

export async function logIn(name: string, password: string): Promise<void> {
  await begin(await api("POST /v1/session", { body: { name, password } }));
}

export async function setUp(wanted: SetupNew): Promise<void> {
  await begin(await api("POST /v1/setup", { body: wanted }));
}

export async function logOut(): Promise<void> {
  await api("DELETE /v1/session");
  ended.value = false;
  nobody();
}

/** A choice that goes with the person, to whatever browser; what cannot be kept there is kept here. */
export async function keep(change: { language?: "en" | "ja"; theme?: "light" | "dark" | "auto"; time_zone?: string }) {
  if (me.value?.kind !== "user") return;
  try {
    await api("PATCH /v1/me", { body: change });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

/** Ends all other sessions; this page goes on with the new one that the answer begins. */
export async function changePassword(current: string, fresh: string): Promise<void> {
  const session = await api("PATCH /v1/me", { body: { password: { current, new: fresh } } });
  if ("csrf" in session) setCsrf(session.csrf ?? "");
}
