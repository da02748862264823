// A list of 100,000 rows: never more than 200 of them in the document, wherever one scrolls; pages are asked for as they
// come into the window. First with pages that are made here, then with some thousands of a real server. How long tasks
// took is told, not judged.
const TOTAL = 100_000;
const MOST_NODES = 200;
const STEPS = 60;

function madeRow(i) {
  const time = Date.now() - i * 1000;
  return {
    id: `f${i}`, title: `Rule number ${i % 40}`, rule: `Rule number ${i % 40}`, policy: "Falco", type: "Execution:Runtime/NewBinaryExecuted",
    severity: 7.5, band: "high", priority: "Error", status: "new", assignee: null, count: 1 + i % 9, first_seen_ms: time - 5000,
    last_seen_ms: time, created_ms: time, updated_ms: time, reopened: 0, clock: false, source: "syscall", output: `row ${i}`,
    container_id: "c", container_name: `container-${i}`, image: "registry.example/shop/web:1", image_digest: null, cluster: "shop",
    task_arn: null, task_id: null, task_family: "web", task_revision: "1", service: null, account: null, region: null, host: "h",
    agent: "a", proc_name: "sh", proc_exe: "/bin/sh", proc_cmdline: `sh -c "row ${i}"`, proc_pid: 1, user_name: "root",
    parent_name: "sh", parent_exe: "/bin/sh", domain: null, file: null, list: null, item: null, tags: ["container"], sequence: false,
    members: null, version: 1,
  };
}

/** Answers as the server does: a cursor is the number of the next row. */
async function stub(page, asked) {
  await page.route(/\/v1\/findings\?/, (route) => {
    const query = new URL(route.request().url()).searchParams;
    const first = Number(query.get("cursor") ?? query.get("offset") ?? 0);
    const limit = Number(query.get("limit"));
    asked.push({ first, by: query.has("cursor") ? "cursor" : "offset" });
    const items = Array.from({ length: Math.max(0, Math.min(limit, TOTAL - first)) }, (_, i) => madeRow(first + i));
    route.fulfill({ json: { items, next: first + limit < TOTAL ? String(first + limit) : null, total: TOTAL } });
  });
}

/** In the page: scrolls a step a frame, counts the rows of each frame, and watches for long tasks. */
async function scroll(page, pixels, steps) {
  return page.evaluate(async ({ pixels, steps }) => {
    const long = [];
    const observer = new PerformanceObserver((list) => { for (const task of list.getEntries()) long.push(Math.round(task.duration)); });
    observer.observe({ type: "longtask" });
    let nodes = 0;
    for (let i = 0; i < steps; i++) {
      window.scrollBy(0, pixels);
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      nodes = Math.max(nodes, document.querySelectorAll(".rows tbody tr").length);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    observer.disconnect();
    return { nodes, long };
  }, { pixels, steps });
}

async function scrolled(w, name, pixels, steps = STEPS) {
  const { nodes, long } = await scroll(w.page, pixels, steps);
  w.check(nodes > 5 && nodes <= MOST_NODES, `${name}: ${nodes} rows in the document`);
  console.log(`# ${name}: at most ${nodes} row nodes, ${long.length} tasks over 50 ms${long.length > 0 ? `: ${long.join(" ")}` : ""}`);
}

async function made(w) {
  const { page, server, check, until } = w;
  const asked = [];
  await stub(page, asked);
  await page.goto(`${server.url}/findings?time=all`);
  await page.getByText("100,000 findings").waitFor();
  await page.getByRole("link", { name: "Rule number 0" }).first().waitFor();
  const table = page.locator(".rows");
  check(await table.getAttribute("aria-rowcount") === String(TOTAL + 1), "all rows are told of");
  await scrolled(w, "down, a third of a window a frame", 300);
  check(asked.every((a) => a.first === 0 || a.by === "cursor"), `pages follow each other by cursor: ${JSON.stringify(asked.slice(0, 9))}`);
  await scrolled(w, "down, four windows a frame", 3500);
  const before = asked.length;
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight / 2));
  await until("the middle", async () => (await page.locator(".rows tbody tr[data-row]").count()) > 10);
  const at = Number(await page.locator(".rows tbody tr[data-row]").first().getAttribute("data-row"));
  check(at > 40_000 && at < 60_000, `the middle is row ${at}`);
  check(asked.length - before < 12, `a jump asks for few pages: ${asked.length - before}`);
  await page.locator(`tr[data-row="${at}"]`, { hasText: `container-${at}` }).waitFor();
  await page.locator(`tr[data-row="${at + 14}"] a`).click();
  await page.locator("dialog.drawer").waitFor();
  await page.keyboard.press("Escape");
  await until("the list is where it was", async () => await page.locator(`tr[data-row="${at + 14}"][aria-current]`).count() === 1);
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await page.locator(`tr[data-row="${TOTAL - 1}"]`, { hasText: `container-${TOTAL - 1}` }).waitFor();
  await scrolled(w, "up from the end", -3500);
  await page.getByRole("button", { name: "Severity", exact: true }).click();
  await until("another list begins at its top", async () => await page.locator("tr[data-row=\"0\"]").count() === 1);
  await page.unroute(/\/v1\/findings\?/);
}

async function real(w) {
  const { page, server, alert, check, until } = w;
  const sent = 3000;
  const agents = await Promise.all([1, 2, 3, 4].map((i) => w.Agent.enrol(server, `long-${i}`, 0x100 + i)));
  for (let done = 0; done < sent; done += 500) {
    await agents[done / 500 % 4].send(Array.from({ length: 500 }, (_, i) => alert(`Long list ${(done + i) % 17}`, "Notice", 3, {
      policy: "Long", evidence: [], time: Date.now() - (done + i) * 1000, type: "Discovery:Runtime/LongList",
      container: { id: `long${done + i}`, name: `long-${done + i}`, image: "registry.example/long:1" } })));
  }
  const filter = encodeURIComponent('policy = "Long"');
  const count = async () => (await server.must("GET", `/v1/findings?limit=1&filter=${filter}`, undefined, server.admin)).total;
  check(await count() === sent, `the server has ${await count()} of ${sent}`);
  await page.goto(`${server.url}/findings?time=all&is=${encodeURIComponent("policy=Long")}`);
  await page.getByText("3,000 findings").waitFor();
  await page.locator(".rows tbody tr[data-row]").first().waitFor();
  const { items } = await server.must("GET", `/v1/findings?limit=100&offset=2900&filter=${filter}`, undefined, server.admin);
  await scrolled(w, "3,000 of a real server", 900);
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight));
  await page.locator("tr[data-row=\"2999\"]", { hasText: items[99].container_name }).waitFor();
  for (const [i, row] of items.entries()) {
    const shown = page.locator(`tr[data-row="${2900 + i}"]`);
    if (await shown.count() > 0) check((await shown.innerText()).includes(row.container_name), `row ${2900 + i} is in its place`);
  }
  await page.evaluate(() => window.scrollTo(0, 0));
  await page.locator("tr[data-row=\"0\"] a").waitFor();
  for (let i = 0; i < 40; i++) await page.keyboard.press("j");
  await until("the keys went down", async () => await page.locator("tr[data-row=\"39\"][aria-current]").count() === 1);
  const seen = await page.locator("tr[data-row=\"39\"]").boundingBox();
  check(seen.y > 80 && seen.y + seen.height <= 860, `the row of the keys is seen: ${JSON.stringify(seen)}`);
}

export default async function long(w) {
  await made(w);
  await real(w);
}
