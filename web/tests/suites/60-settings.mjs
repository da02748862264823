// Settings: every place in every look; for viewers what they may not is not there, or is explained.
const PLACES = ["account", "sessions", "tokens", "users", "audit", "system", "exceptions", "suppressions", "notifications", "summaries"];

export async function furnish(w) {
  const { server } = w;
  const make = async (path, body) => {
    const { status, body: answer } = await server.ask("POST", path, body, server.admin);
    if (status >= 300 && status !== 409) throw new Error(`${path}: ${status} ${JSON.stringify(answer)}`);
  };
  await make("/v1/users", { name: "hana", display_name: "Hana Mori", role: "analyst", password: w.PASSWORD });
  await make("/v1/users", { name: "ken", display_name: "佐藤 健", role: "viewer", password: w.PASSWORD });
  await server.must("PATCH", "/v1/users/ken", { disabled: true }, server.admin);
  await make("/v1/enrolments", { name: "shop-production", cluster: "shop-production", labels: { team: "payments" }, max_uses: 0 });
  await make("/v1/suppressions", { name: "nightly scan", filter: 'host = "scanner-1" and rule contains "sensitive"',
    reason: "The scanner of the platform team reads everything at 02:00.", expires_ms: Date.now() + 30 * 86_400_000 });
  await make("/v1/exceptions", { rule: "Malicious filenames written", fields: [{ field: "proc.name", op: "in", value: ["backup", "rsync"] },
    { field: "fd.name", op: "startswith", value: "/srv/quarantine/" }], reason: "The scanner moves what it finds there.",
    expires_ms: Date.now() + 7 * 86_400_000 });
  await make("/v1/filters", { name: "Production", filter: 'ecs.cluster = "shop-production" and severity >= 7', default: true });
  await make("/v1/backup", { name: "before-upgrade" });
  const { headers } = await server.ask("POST", "/v1/session", { name: "admin", password: w.PASSWORD });
  const cookie = headers.get("set-cookie").split(";")[0];
  const { csrf } = await server.must("GET", "/v1/session", undefined, { Cookie: cookie });
  for (const [name, permissions] of [["ci-rules", ["read", "content"]], ["falco-hosts", ["falco"]]]) {
    await server.must("POST", "/v1/tokens", { name, permissions }, { Cookie: cookie, "X-Hinomi-CSRF": csrf });
  }
}

async function drawers(w) {
  const { page, server, inspect } = w;
  await inspect("settings-user", async () => {
    await page.goto(`${server.url}/settings/users?open=hana`);
    await page.locator("dialog.drawer .deeds").waitFor();
  });
  const { items } = await server.must("GET", "/v1/exceptions", undefined, server.admin);
  await inspect("settings-exception", async () => {
    await page.goto(`${server.url}/settings/exceptions?open=${items[0].id}`);
    await page.locator("dialog.drawer .deeds").waitFor();
  });
  const found = await server.must("GET", "/v1/suppressions", undefined, server.admin);
  await inspect("settings-suppression", async () => {
    await page.goto(`${server.url}/settings/suppressions?open=${found.items[0].id}`);
    await page.locator("dialog.drawer .fits").waitFor();
  });
  const enrolments = await server.must("GET", "/v1/enrolments", undefined, server.admin);
  await inspect("settings-enrolment", async () => {
    await page.goto(`${server.url}/settings/tokens?kind=enrolment&open=${enrolments.items.at(-1).id}`);
    await page.locator("dialog.drawer .facts").waitFor();
  });
}

async function asViewer(w) {
  const page = await w.pageAs("viewer");
  const { url } = w.server;
  await page.goto(`${url}/settings`);
  await page.getByRole("heading", { name: "Account", level: 1 }).waitFor();
  const places = await page.locator(".places a").allTextContents();
  w.check(!places.includes("Users") && !places.includes("Audit log"), `a viewer is offered ${places}`);
  for (const place of ["users", "audit"]) {
    await page.goto(`${url}/settings/${place}`);
    await page.getByRole("heading", { name: "This is for administrators" }).waitFor();
    await page.getByText("You are logged in as Viewer").waitFor();
  }
  await page.goto(`${url}/settings/suppressions`);
  await page.getByRole("link", { name: "nightly scan" }).click();
  await page.getByText("Only analysts and administrators change this.").waitFor();
  w.check(await page.getByRole("button", { name: "End it" }).count() === 0, "a viewer is offered to end a suppression");
  await page.goto(`${url}/settings/system`);
  await page.getByText("Administrators make backups here.").waitFor();
  await page.goto(`${url}/settings/tokens`);
  await page.getByRole("button", { name: "New API token" }).click();
  w.check(await page.locator("dialog input[type=checkbox]").count() === 1, "a viewer's token may more than read");
  await page.context().close();
}

export default async function settings(w) {
  const { page, server, inspect } = w;
  await furnish(w);
  for (const place of PLACES) {
    const open = async () => {
      await page.goto(`${server.url}/settings/${place}`);
      await page.locator("h1").waitFor();
      await w.until("all is there", async () => (await page.locator(".loading").count()) === 0);
    };
    if (w.pictures) await inspect(`settings-${place}`, open);
    else await open();
    w.check(await page.locator(".failure").count() === 0, `${place}: a failure is shown`);
  }
  await inspect("settings-enrolments", async () => {
    await page.goto(`${server.url}/settings/tokens?kind=enrolment`);
    await page.locator(".table tbody tr").first().waitFor();
  });
  await drawers(w);
  await asViewer(w);
}
