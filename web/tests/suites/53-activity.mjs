// Activity: filter, kinds, time by the histogram, fields that narrow down, pages; hostile text stays text.
const MINUTE_MS = 60_000;

function record(i, kind, more) {
  return { time_ms: Date.now() - i * MINUTE_MS, kind, fields: {
    "proc.name": "curl", "proc.pname": "sh", "proc.cmdline": `curl -s https://pool.example/${i}`, "user.name": "root",
    "container.id": "8c1f2a9b77d0", "container.name": "web", "container.image.repository": "registry.example/shop/web", ...more } };
}

async function send(agent, records) {
  const first = agent.sent + 1;
  const lines = records.map((activity, i) => JSON.stringify({ n: first + i, activity }));
  await agent.server.must("POST", `/v1/agents/${agent.id}/batches`, `${lines.join("\n")}\n`, { ...agent.headers,
    "Content-Type": "application/x-ndjson", "Hinomi-Spool": agent.spool, "Hinomi-First": String(first) });
  agent.sent += records.length;
}

export default async function activity({ page, server, agents, until, inspect, check, accessible, HOSTILE }) {
  const rows = () => page.locator(".activity tbody tr").count();
  await send(agents[0], [
    ...Array.from({ length: 120 }, (_, i) => record(i, "exec")),
    ...Array.from({ length: 20 }, (_, i) => record(i * 3, "connect", { "fd.name": `10.0.0.5:4${i}->1.2.3.4:443` })),
    ...Array.from({ length: 10 }, (_, i) => record(i * 7, "dns", { "dns.question.name": "pool.example" })),
    record(2, "write", { "fd.name": `/tmp/${HOSTILE}`, "proc.name": HOSTILE, "container.name": HOSTILE }),
  ]);
  await inspect("activity", async () => {
    await page.goto(`${server.url}/activity?time=6h`);
    await page.locator(".activity tbody tr").first().waitFor();
    await page.locator(".chart svg").waitFor();
  });
  check(await rows() === 100, "a page has 100 records");
  const total = Number(/\d+/.exec(await page.getByText(/^1\d\d records/).textContent())[0]);
  check(total >= 151, `${total} records of at least 151`);
  await page.getByRole("link", { name: "Next page" }).click();
  await until("the rest", async () => (await rows()) === total - 100);
  await page.getByRole("link", { name: "Name asked for", exact: true }).click();
  await until("names only", async () => (await rows()) === 10);
  await page.getByRole("button", { name: /All fields of pool\.example/ }).first().click();
  await accessible("activity, opened");
  await page.getByRole("button", { name: "Without proc.name: curl" }).click();
  await page.waitForURL(/filter=proc\.name/);
  await page.getByRole("heading", { name: "Nothing recorded here" }).waitFor();
  await page.goto(`${server.url}/activity?time=6h&kind=write`);
  await until("the one that was written", async () => (await rows()) === 1);
  check(await page.evaluate(() => window.hacked === undefined), "text of a record is no script");
  await page.goto(`${server.url}/activity?time=6h`);
  await page.locator(".chart svg a[tabindex='0']").focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.waitForURL(/from=\d+&to=\d+/);
  await until("the newest bar", async () => (await rows()) > 0 && (await rows()) < 100);
  await page.locator("#activity-filter").fill("nonsense ===");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByText("The filter is not written correctly").first().waitFor();
}
