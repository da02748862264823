// Settings: people: each deed is done in the browser against the real server, and looked at through the API afterwards.
export const needs = "login";

/** What a dialog shows once, by its heading. */
function shown(page, label) {
  return page.locator(`.secret[aria-label="${label}"]`).innerText();
}

async function enters(server, name, password) {
  return (await server.ask("POST", "/v1/session", { name, password, cookie: false })).status === 201;
}

async function deed(page, button, confirm = button) {
  await page.locator("dialog.drawer").getByRole("button", { name: button, exact: true }).click();
  await page.locator("dialog.box").getByRole("button", { name: confirm, exact: true }).click();
}

async function users(w) {
  const { page, server, check } = w;
  const get = () => server.ask("GET", "/v1/users/mika", undefined, server.admin);
  await page.goto(`${server.url}/settings/users`);
  await page.getByRole("link", { name: "admin" }).waitFor();
  await page.keyboard.press("n");
  await page.getByLabel("Name", { exact: true }).fill("admin");
  await page.getByRole("button", { name: "Make the user" }).click();
  await page.getByText("There is one of that name already").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("mika");
  await page.getByLabel("Display name").fill(`Mika ${w.HOSTILE}`.slice(0, 30));
  await page.getByRole("radio", { name: /Viewer/ }).check();
  await w.accessible("settings, new user");
  await w.picture("settings-user-new-light");
  await page.getByRole("button", { name: "Make the user" }).click();
  const first = await shown(page, "Password");
  await w.picture("settings-user-made-light");
  check((await shown(page, "Message to send")).includes(first), "the message has the password");
  check(await enters(server, "mika", first), "the first password lets in");
  await page.getByRole("button", { name: "I have it, close" }).click();
  await page.getByRole("link", { name: "mika" }).click();
  await page.getByRole("radio", { name: /Analyst/ }).check();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  check((await get()).body.role === "analyst", "the role is changed");
  await deed(page, "Reset");
  const second = await shown(page, "Password");
  check(second !== first && await enters(server, "mika", second) && !(await enters(server, "mika", first)), "the password is reset");
  await page.getByRole("button", { name: "I have it, close" }).click();
  await deed(page, "Disable");
  await page.getByText("mika is disabled").waitFor();
  check((await get()).body.disabled && !(await enters(server, "mika", second)), "a disabled user does not enter");
  await deed(page, "Enable");
  await page.getByText("mika is enabled").waitFor();
  check(await enters(server, "mika", second), "an enabled user enters");
  await page.goto(`${server.url}/settings/users?open=mika`);
  await deed(page, "End all sessions");
  await page.getByText("Not logged in anywhere.").waitFor();
  check((await server.must("GET", "/v1/users/mika/sessions", undefined, server.admin)).items.length === 0, "no session is left");
  await deed(page, "Delete");
  await page.getByText("mika was deleted").waitFor();
  check((await get()).status === 404, "the user is deleted");
}

async function account(w) {
  const { server, check } = w;
  const page = await w.pageAs("analyst", "rin");
  const fresh = "another long password";
  await page.goto(`${server.url}/settings/account`);
  await page.getByLabel("Display name").fill("Rin");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  await page.locator(".looks").getByLabel("Theme").selectOption("dark");
  await w.until("the theme is kept", async () => (await server.must("GET", "/v1/users", undefined, server.admin)) &&
    (await page.evaluate(() => fetch("/v1/me").then((r) => r.json()))).theme === "dark");
  await page.getByLabel("Current password").fill("not this one at all");
  await page.getByLabel("New password").fill(fresh);
  await page.getByLabel("Password again").fill("differs");
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("The two passwords differ.").waitFor();
  await page.getByLabel("Password again").fill(fresh);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("The current password is another one.").waitFor();
  await page.getByLabel("Current password").fill(w.PASSWORD);
  await page.getByRole("button", { name: "Change the password" }).click();
  await page.getByText("all other sessions have ended").waitFor();
  check(await enters(server, "rin", fresh) && !(await enters(server, "rin", w.PASSWORD)), "the password is changed");
  await page.getByLabel("Display name").fill("Rin 2");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  await page.goto(`${server.url}/settings/sessions`);
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "End", exact: true }).click();
  await w.until("one session is left", async () =>
    (await server.must("GET", "/v1/users/rin/sessions", undefined, server.admin)).items.length === 1);
  await page.context().close();
}

async function audit(w) {
  const { page, server, check } = w;
  await page.goto(`${server.url}/settings/audit`);
  await page.getByText("Deleted a user").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("rin");
  await page.keyboard.press("Enter");
  await page.waitForURL(/actor=rin/);
  await w.until("only rin's", async () => {
    const names = await page.locator("tbody tr td:nth-child(2) .link").allTextContents();
    return names.length > 0 && names.every((name) => name === "rin");
  });
  await page.getByLabel("Result").selectOption("refused");
  await page.getByText("Changed the own password").first().waitFor();
  const href = await page.getByRole("link", { name: "Export CSV" }).getAttribute("href");
  const csv = await server.ask("GET", href, undefined, server.admin);
  check(csv.body.startsWith("id,time_ms") && csv.body.includes("user.password") && !csv.body.includes("user.create"), "the export is filtered");
  await page.getByRole("button", { name: "Clear all" }).click();
  await page.getByText("Made a user").first().waitFor();
}

export default async function deeds(w) {
  for (const part of [users, account, audit]) await part(w);
}
