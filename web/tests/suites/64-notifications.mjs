// Notifications: channels and rules are made in the browser, messages really arrive at a program of ours, what it answers is
// shown, and what was given up is tried again.
import { createServer } from "node:http";
import { once } from "node:events";

const SECRET = "sixteen characters at least";

/** A receiver that answers as it is told to, and keeps what came. */
async function receiver() {
  const it = { status: 200, said: "thank you", came: [] };
  const http = createServer((request, response) => {
    let body = "";
    request.on("data", (data) => { body += data; });
    request.on("end", () => {
      it.came.push({ headers: request.headers, body });
      response.writeHead(it.status, { "Content-Type": "text/plain" }).end(it.said);
    });
  }).listen(0, "127.0.0.1");
  await once(http, "listening");
  it.url = `http://127.0.0.1:${http.address().port}/hook`;
  it.close = () => { http.closeAllConnections?.(); http.close(); };
  return it;
}

async function channels(w, hook) {
  const { page, server, check } = w;
  await w.inspect("notifications-none", async () => {
    await page.goto(`${server.url}/settings/notifications`);
    await page.locator(".notify-steps li").first().waitFor();
  });
  await page.getByRole("button", { name: "Add channel" }).click();
  const dialog = page.getByRole("dialog", { name: "Add channel" });
  check(await dialog.getByRole("radio").count() === 6, "all kinds can be chosen");
  check(await dialog.getByRole("button", { name: "Add the channel" }).isDisabled(), "what is needed is asked for");
  await w.accessible("a new channel, mail");
  await w.picture("notifications-new-mail-light");
  await dialog.getByText("Signed JSON to an address of yours.").click();
  await dialog.getByLabel("Name", { exact: true }).fill("our hook");
  await dialog.getByLabel("Address", { exact: true }).fill("ftp://nowhere");
  await dialog.getByLabel("Signing secret").fill(SECRET);
  await dialog.getByRole("button", { name: "Add the channel" }).click();
  await dialog.getByText("must be an address that begins with", { exact: false }).waitFor();
  await w.accessible("a new channel, refused");
  await dialog.getByLabel("Address", { exact: true }).fill(hook.url);
  await dialog.getByRole("button", { name: "Add the channel" }).click();
  const drawer = page.getByRole("dialog", { name: "our hook" });
  await drawer.getByText("Not tried yet").waitFor();
  const { items } = await server.must("GET", "/v1/notifications/channels", undefined, server.admin);
  check(items[0]?.config.url === hook.url && items[0].secrets.join() === "secret", "the channel is kept, its secret is not shown");
  check(!JSON.stringify(items).includes(SECRET), "nobody is told the secret");
  return drawer;
}

/** The answer is the receiver's own. */
async function tests(w, hook, drawer) {
  const { page, server, check } = w;
  await drawer.getByRole("button", { name: "Send a test to our hook" }).click();
  await drawer.getByText("The test was accepted.").waitFor();
  await drawer.getByText("thank you").waitFor();
  check(hook.came.length === 1 && hook.came[0].headers["hinomi-signature"] !== undefined, "a signed message came");
  await drawer.getByText("Works").waitFor();
  Object.assign(hook, { status: 403, said: `not you ${w.HOSTILE}` });
  await drawer.getByRole("button", { name: "Send a test to our hook" }).click();
  await drawer.getByText("The test did not get through.").waitFor();
  await drawer.getByText("not you", { exact: false }).first().waitFor();
  await drawer.getByText("Failing").waitFor();
  await w.accessible("a channel that fails");
  await w.picture("notifications-failing-light");
  Object.assign(hook, { status: 200, said: "thank you" });
  await drawer.getByRole("button", { name: "Close" }).first().click();
  await page.getByRole("link", { name: "1 given up" }).click();
  await page.getByRole("button", { name: /^Try message #\d+ again$/ }).click();
  await page.getByText("It is tried again").waitFor();
  await page.getByText("No message was given up", { exact: false }).waitFor();
  const items = await w.until("it is delivered at last", async () => {
    const log = await server.must("GET", "/v1/notifications/deliveries?state=delivered", undefined, server.admin);
    return log.items.length === 2 && log.items;
  });
  check(items.every((one) => one.status === 200 && one.cause === "test"), "what was given up was tried again");
}

async function edits(w, hook) {
  const { page, server, check } = w;
  const now = async () => (await server.must("GET", "/v1/notifications/channels", undefined, server.admin)).items[0];
  await page.goto(`${server.url}/settings/notifications`);
  await page.getByRole("link", { name: "our hook" }).click();
  const drawer = page.getByRole("dialog", { name: "our hook" });
  await drawer.getByLabel("Address", { exact: true }).fill(`${hook.url}/elsewhere`);
  await drawer.getByText("Messages would go elsewhere").waitFor();
  check(await drawer.getByRole("button", { name: "Save" }).isDisabled(), "secrets do not go elsewhere by themselves");
  await drawer.getByLabel("Address", { exact: true }).fill(hook.url);
  await drawer.getByLabel("Language of the messages").selectOption("ja");
  await drawer.getByLabel("Name", { exact: true }).fill("our hook, on call");
  await drawer.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  const changed = await now();
  check(changed.name === "our hook, on call" && changed.language === "ja" && changed.secrets.length === 1, "the channel is changed");
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click();
  const toggle = page.getByRole("switch", { name: "our hook, on call is on" });
  await toggle.click();
  await page.getByText("our hook, on call: off").waitFor();
  check((await now()).enabled === false, "the channel is off");
  await toggle.click();
  await page.getByText("our hook, on call: on").waitFor();
}

async function rules(w) {
  const { page, server, check } = w;
  await page.goto(`${server.url}/settings/notifications`);
  await page.getByText("No rule yet").waitFor();
  await page.getByRole("button", { name: "New rule" }).click();
  const dialog = page.getByRole("dialog", { name: "New rule" });
  await dialog.getByLabel("Name", { exact: true }).fill("On call");
  await dialog.getByText(/Fits [1-9]\d* findings? of the last 7 days/).waitFor();
  await dialog.getByLabel("And only findings that fit (optional)").fill("ecs.clus");
  await page.getByRole("option", { name: /ecs\.cluster/ }).waitFor();
  await w.accessible("a new rule, completing");
  await w.picture("notifications-new-rule-light");
  await dialog.getByLabel("And only findings that fit (optional)").fill('ecs.cluster = "nowhere"');
  await dialog.getByText("Fits 0 findings").waitFor();
  await dialog.getByLabel("And only findings that fit (optional)").fill('ecs.cluster = "shop-production"');
  await dialog.getByLabel("Messages at most").selectOption("0");
  await dialog.getByRole("button", { name: "Make the rule" }).click();
  await page.getByRole("link", { name: "On call" }).waitFor();
  const { items } = await server.must("GET", "/v1/notifications/rules", undefined, server.admin);
  check(items[0]?.filter === 'severity in (critical, high) and (ecs.cluster = "shop-production")' && items[0].throttle_s === 0 &&
    items[0].language === null && items[0].channels.length === 1, `the rule is kept: ${JSON.stringify(items)}`);
}

/** A new finding is told; its message is in the log, and leads to it. */
async function told(w, hook) {
  const { page, server, check, until } = w;
  const before = hook.came.length;
  await w.agents[0].send([w.alert("Known miner started", "Critical", 9.3, { file: "/tmp/.x/told", cmdline: "./told",
    container: { id: "told-1", name: "told" } })]);
  await until("the message", async () => hook.came.length > before);
  await page.goto(`${server.url}/settings/notifications?part=log`);
  const row = page.getByRole("row").filter({ hasText: "Known miner started" });
  await row.getByText("Delivered").waitFor();
  check(/new · severity 9\.3.*Webhook · On call.*200: thank you/.test(await row.innerText().then((text) => text.replace(/\s+/g, " "))),
    `the log says why: ${await row.innerText()}`);
  await w.inspect("notifications-log", async () => {
    await page.goto(`${server.url}/settings/notifications?part=log`);
    await page.getByRole("row").nth(2).waitFor();
  });
  await page.getByRole("link", { name: "Known miner started" }).first().click();
  await page.getByRole("tab", { name: "History" }).click();
  await page.locator(".finding-history li", { hasText: "Told to our hook" }).waitFor();
}

async function looks(w) {
  const { page, server } = w;
  const ask = (kind, name, config, secrets) =>
    server.must("POST", "/v1/notifications/channels", { kind, name, config, secrets, enabled: false }, server.admin);
  const mail = await ask("email", "On-call mail", { host: "relay.example", from: "Hinomi <hinomi@example.com>",
    to: ["oncall@example.com", "security@example.com"], user: "hinomi" }, { password: "x".repeat(16) });
  await ask("slack", "#security", {}, { url: "https://hooks.slack.example/services/T0/B0/x" });
  await server.must("POST", "/v1/notifications/rules", { name: "Everything, once an hour", filter: "", channels: [mail.id],
    throttle_s: 3600, language: "ja" }, server.admin);
  for (const part of ["channels", "rules"]) {
    await w.inspect(`notifications-${part}`, async () => {
      await page.goto(`${server.url}/settings/notifications?part=${part}`);
      await page.getByRole("row").nth(2).waitFor();
    });
  }
  await w.inspect("notifications-channel", async () => {
    await page.goto(`${server.url}/settings/notifications?open=${mail.id}`);
    await page.locator("dialog.drawer form").waitFor();
  });
  if (w.pictures) {
    await w.inspect("notifications-rule", async () => {
      await page.goto(`${server.url}/settings/notifications?part=rules&open=1`);
      await page.locator("dialog.drawer form").waitFor();
    });
    await w.inspect("notifications-new", async () => {
      await page.goto(`${server.url}/settings/notifications`);
      await page.locator(".title-row .button.primary").click();
      await page.locator("dialog.box form").waitFor();
    });
  }
}

async function viewer(w) {
  const page = await w.pageAs("viewer");
  await page.goto(`${w.server.url}/settings/notifications`);
  await page.getByRole("link", { name: "our hook, on call" }).click();
  await page.getByText("Administrators can change channels.").waitFor();
  const buttons = await page.getByRole("button", { name: /Add channel|New rule|Send a test|Remove|Save/ }).count();
  w.check(buttons === 0 && await page.getByRole("switch").count() === 0, "a viewer changes nothing");
  await page.context().close();
}

async function removal(w) {
  const { page, server, check } = w;
  const all = async () => Promise.all(["rules", "channels"].map(async (what) =>
    (await server.must("GET", `/v1/notifications/${what}`, undefined, server.admin)).items.length));
  const [nrules, nchannels] = await all();
  for (const [part, name] of [["rules", "On call"], ["channels", "our hook, on call"]]) {
    await page.goto(`${server.url}/settings/notifications?part=${part}`);
    await page.getByRole("link", { name, exact: true }).click();
    await page.locator("dialog.drawer").getByRole("button", { name: "Remove", exact: true }).click();
    await page.locator("dialog.box").getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByText("Removed", { exact: true }).waitFor();
  }
  check((await all()).join() === [nrules - 1, nchannels - 1].join(), "rule and channel are gone");
  const { items } = await server.must("GET", "/v1/audit?limit=100", undefined, server.admin);
  const done = new Set(items.map((one) => one.action));
  for (const deed of ["notification_channel.create", "notification_channel.change", "notification_channel.remove",
    "notification_rule.create", "notification_rule.remove", "notification.retry"]) check(done.has(deed), `${deed} is in the audit log`);
}

export default async function notifications(w) {
  const hook = await receiver();
  try {
    const drawer = await channels(w, hook);
    await tests(w, hook, drawer);
    await edits(w, hook);
    await rules(w);
    await told(w, hook);
    await looks(w);
    await viewer(w);
    await removal(w);
  } finally {
    hook.close();
  }
}
