// Settings: tokens of programs and agents: made, used, revoked; in the browser, and looked at through the API.
export const needs = "login";

/** What a dialog shows once, by its heading. */
function shown(page, label) {
  return page.locator(`.secret[aria-label="${label}"]`).innerText();
}

async function tokens(w) {
  const { page, server, check } = w;
  await page.goto(`${server.url}/settings/tokens`);
  await page.getByRole("button", { name: "New API token" }).click();
  await page.getByLabel("Name", { exact: true }).fill("nightly export");
  await page.getByRole("checkbox", { name: /Triage/ }).check();
  await page.getByLabel("Expires").selectOption("7d");
  await w.accessible("settings, new token");
  await w.picture("settings-token-new-light");
  await page.getByRole("button", { name: "Make the token" }).click();
  const bearer = { Authorization: `Bearer ${await shown(page, "Token")}` };
  await w.accessible("settings, token made");
  await w.picture("settings-token-made-light");
  const me = await server.must("GET", "/v1/me", undefined, bearer);
  check(me.permissions.join() === "read,triage", `the token may ${me.permissions}`);
  await page.keyboard.press("Escape");
  const { items } = await server.must("GET", "/v1/tokens?all=true", undefined, server.admin);
  const days = (items.find((one) => one.name === "nightly export").expires_ms - Date.now()) / 86_400_000;
  check(days > 6.9 && days <= 7, `it ends in ${days} days`);
  await page.getByRole("button", { name: "Revoke nightly export" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("cell", { name: "Revoked" }).waitFor();
  check((await server.ask("GET", "/v1/me", undefined, bearer)).status === 401, "a revoked token lets nobody in");
}

async function enrolments(w) {
  const { page, server, check } = w;
  const enrol = (token, name) => server.ask("POST", "/v1/agents", { name, instance: "00000000000000aa", version: "0.1.0",
    kernel: "6.1.0", hostname: name, sensor: "notify" }, { Authorization: `Bearer ${token}` });
  await page.goto(`${server.url}/settings/tokens?kind=enrolment`);
  await page.getByRole("button", { name: "New enrolment token" }).click();
  await page.getByLabel("Name", { exact: true }).fill("batch");
  await page.getByLabel("Cluster").fill("batch-cluster");
  await page.getByLabel("Labels").fill("team payments");
  await page.getByText("is not name=value").waitFor();
  await page.getByLabel("Labels").fill("team=payments\ntier = 1");
  await page.getByLabel("How many agents").fill("2");
  await w.accessible("settings, new enrolment");
  await page.getByRole("button", { name: "Make the token" }).click();
  const token = await shown(page, "Token");
  check((await shown(page, "Command for the machine")).includes(token), "the command has the token");
  await w.picture("settings-enrolment-made-light");
  await page.getByRole("button", { name: "I have it, close" }).click();
  check((await enrol(token, "batch-1")).status === 201, "an agent enrols");
  await page.getByRole("link", { name: "batch", exact: true }).click();
  await page.locator("dialog").getByRole("cell", { name: /batch-1/ }).waitFor();
  await page.getByText("1 of 2").first().waitFor();
  await page.getByText("tier=1").first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Revoke batch" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("cell", { name: "Revoked" }).waitFor();
  check((await enrol(token, "batch-2")).status === 401, "a revoked token enrols nobody");
}

export default async function tokensAll(w) {
  for (const part of [tokens, enrolments]) await part(w);
}
