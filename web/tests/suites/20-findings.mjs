// The findings screen: rows, facets, search, filter with its completion, cells, histogram, keys, and what arrives while
// one looks.
const rows = (page) => page.locator(".rows tbody tr[data-row]");

async function count(page, until, wanted) {
  await until(`${wanted} findings`, async () =>
    new RegExp(`^${wanted} findings?$`).test(await page.locator(".title-row [role=status]").innerText()));
}

/** A cell's button is there while the pointer is on its row; the list may be another one by then. */
async function pick(until, row, name) {
  const button = row.getByRole("button", { name });
  await until(`the button ${name}`, async () => {
    try {
      await row.hover({ timeout: 1000 });
      await button.click({ timeout: 1000 });
      return true;
    } catch {
      return false;
    }
  });
}

async function narrowing({ page, server, check, until }) {
  await page.getByRole("button", { name: /^Only Severity: Critical/ }).click();
  await page.waitForURL(/is=band/);
  await page.getByRole("searchbox", { name: "Search findings" }).fill("cnrig");
  await page.keyboard.press("Enter");
  await count(page, until, 1);
  await page.goto(`${server.url}/findings?time=24h`);
  await rows(page).first().waitFor();
  const row = rows(page).filter({ hasText: "Known miner started" });
  for (const [cell, url] of [["Severity: Critical", "is=band%3Dcritical"], ["Rule: Known miner started", "is=rule%3DKnown"],
    ["Command line: ./cnrig", "is=proc.cmdline%3D"], ["Container: web", "is=container.name%3Dweb"], ["Image: registry", "is=container.image%3D"],
    ["Count: 1", "is=count%3D1"], ["Status: New", "is=status%3Dnew"]]) {
    await pick(until, row, `Only ${cell}`);
    await until(`${cell} is in the address`, async () => page.url().includes(url));
    await row.waitFor();
    await page.getByRole("button", { name: "Clear all" }).click();
    await row.waitFor();
  }
  const all = await page.locator(".title-row [role=status]").innerText();
  await pick(until, row, "Without Container: web");
  await until("other containers only", async () => await row.count() === 0);
  check(parseInt(await page.locator(".title-row [role=status]").innerText(), 10) < parseInt(all, 10), "without takes findings away");
  await page.getByRole("button", { name: "Clear all" }).click();
  await pick(until, row, /^From /);
  await page.waitForURL(/from=\d+/);
  await row.waitFor();
}

async function language({ page, server, check, until }) {
  await page.goto(`${server.url}/findings?time=24h`);
  const box = page.getByRole("combobox", { name: "Filter" });
  const offers = page.getByRole("listbox", { name: "Ways to go on" });
  await box.click();
  await page.keyboard.type("seve");
  await offers.getByRole("option", { name: /^severity/ }).waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  check(await box.inputValue() === "severity ", "a field is taken with the keys");
  await offers.getByRole("option", { name: ">=" }).waitFor();
  await page.keyboard.type(">= 9 and rule ");
  await page.keyboard.type("in ");
  await page.keyboard.type("(Know");
  await offers.getByRole("option", { name: /Known miner started/ }).click();
  check(await box.inputValue() === "severity >= 9 and rule in (\"Known miner started\"", "a value is quoted");
  await page.keyboard.type(")");
  await page.keyboard.press("Enter");
  await page.waitForURL(/filter=severity/);
  await count(page, until, 1);
  await box.fill("nonsense ===");
  await page.locator(".filter-fault", { hasText: /Column \d+/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.getByText("The filter is not written correctly").waitFor();
  await page.goto(`${server.url}/findings?filter=${encodeURIComponent("severity >= 9 and")}`);
  await page.getByText("The filter is not written correctly").waitFor();
}

async function brush({ page, server, check, until }) {
  await page.goto(`${server.url}/findings?time=24h`);
  const chart = page.getByRole("listbox", { name: /^Findings over time/ });
  await chart.focus();
  await page.keyboard.press("End");
  await page.keyboard.press("Shift+ArrowLeft");
  check(await chart.getByRole("option", { selected: true }).count() === 2, "two bars are chosen with the keys");
  await page.keyboard.press("Enter");
  await page.waitForURL(/from=\d+&to=\d+|to=\d+/);
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Whole time" }).click();
  await until("the whole time", async () => !/from=/.test(page.url()));
  await chart.waitFor();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width * 0.6, box.y + 30);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.95, box.y + 30, { steps: 4 });
  await page.mouse.up();
  await page.waitForURL(/from=\d+/);
  await page.goBack();
  await until("the way back", async () => !/from=/.test(page.url()));
}

async function keys({ page, server, agents, alert, until }) {
  await page.goto(`${server.url}/findings?time=24h`);
  await rows(page).first().waitFor();
  await page.locator("body").click({ position: { x: 5, y: 400 } });
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.locator("dialog.drawer .finding").waitFor();
  await page.keyboard.press("Escape");
  await until("the drawer closes", async () => !page.url().includes("open="));
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys" }).waitFor();
  await page.keyboard.press("Escape");
  await until("it is live", async () => (await page.locator(".live.live").count()) === 1);
  await agents[0].send([alert("Brand new rule", "Critical", 9.1, { file: "/new" })]);
  await page.getByRole("button", { name: /1 new/ }).click();
  await page.getByRole("link", { name: "Brand new rule" }).waitFor();
}

/** Rows come by themselves where nobody reads; a pause keeps them away, and counts. */
async function feed({ page, server, agents, alert, check, until }) {
  await page.goto(`${server.url}/findings?is=${encodeURIComponent("policy=Feed")}`);
  await page.getByRole("heading", { name: "Nothing found here" }).waitFor();
  await until("it is live", async () => (await page.locator(".live.live").count()) === 1);
  await page.mouse.move(5, 5);
  await agents[0].send([alert("Came by itself", "Critical", 9.1, { policy: "Feed" }), alert("Not in this list", "Critical", 9)]);
  await page.getByRole("link", { name: "Came by itself" }).waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await agents[0].send([alert("Came while paused", "Critical", 9.1, { policy: "Feed" })]);
  await page.getByRole("button", { name: "1 new — show" }).waitFor();
  check(await rows(page).count() === 1, "a pause keeps rows away");
  await page.getByRole("button", { name: "1 new — show" }).click();
  await page.getByRole("link", { name: "Came while paused" }).waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
}

export default async function findings(w) {
  const { page, server, inspect } = w;
  await page.goto(`${server.url}/findings`);
  await rows(page).first().waitFor();
  await inspect("findings", async () => {
    await page.goto(`${server.url}/findings?sort=-severity`);
    await rows(page).first().waitFor();
    await page.locator(".facets .facet").nth(2).waitFor({ state: "attached" });
  });
  await narrowing(w);
  await language(w);
  await brush(w);
  await keys(w);
  await feed(w);
}
