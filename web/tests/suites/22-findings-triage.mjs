// What is kept and changed from the list: columns, groups, saved filters (own, shared, default), many findings at once,
// files; and what a viewer may not.
import { readFileSync } from "node:fs";

const rows = (page) => page.locator(".rows tbody tr[data-row]");
const here = (server, policy, more = "") => `${server.url}/findings?time=all&is=${encodeURIComponent(`policy=${policy}`)}${more}`;

async function columns({ page, server, check, accessible, until }, w) {
  await page.goto(here(server, "Triage"));
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Columns" }).click();
  const dialog = page.getByRole("dialog", { name: "Columns" });
  await dialog.getByRole("button", { name: "+ Image", exact: true }).click();
  await dialog.getByRole("button", { name: "+ User" }).click();
  await dialog.getByRole("button", { name: "Remove Where" }).click();
  await dialog.getByRole("button", { name: "Move User to the left" }).click();
  await accessible("findings, columns");
  await w.picture("findings-columns-light");
  await dialog.getByRole("button", { name: "Apply" }).click();
  await page.waitForURL(/columns=severity%2Cwhat%2Ccount%2Cstatus%2Cseen%2Cuser%2Cimage/);
  check((await page.getByRole("columnheader").allInnerTexts()).join(" ").includes("User Image"), "columns in their order");
  await page.getByRole("button", { name: "Severity", exact: true }).click();
  await page.waitForURL(/sort=-severity/);
  await until("the order is told", async () => await page.locator("[aria-sort=descending]", { hasText: "Severity" }).count() === 1);
}

async function groups({ page, server, check, accessible }, w) {
  await page.goto(here(server, "Triage"));
  await page.getByLabel("Group by").selectOption("container.name");
  await page.waitForURL(/group=container.name/);
  const list = page.getByRole("list", { name: "Groups by Container" });
  await list.getByRole("button", { name: /^box-1 ×10$|box-1.*×10/ }).click();
  await list.locator(".group-rows li").nth(7).waitFor();
  await accessible("findings, groups");
  await w.picture("findings-groups-light");
  await list.getByRole("link", { name: "All 10 findings of this group" }).click();
  await page.waitForURL((url) => !url.search.includes("group=") && url.search.includes("container.name%3Dbox-1"));
  await rows(page).first().waitFor();
  check(await w.until("the group's findings alone", async () => await rows(page).count() === 10), "a group's findings");
}

async function saved(w) {
  const { page, server, check, accessible, until } = w;
  await page.goto(here(server, "Triage", "&columns=what,user&q=box&sort=-severity"));
  await rows(page).first().waitFor();
  await page.getByRole("button", { name: "Saved filters" }).click();
  await page.getByRole("menuitem", { name: "Save this filter…" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Boxes <b>");
  await page.getByLabel("Everybody may use it").check();
  await page.getByLabel("Begin with it").check();
  await accessible("findings, save");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved: Boxes <b>").waitFor();
  const { items } = await server.must("GET", "/v1/filters", undefined, server.admin);
  const kept = items.find((f) => f.name === "Boxes <b>");
  check(kept?.shared && kept.view.includes("columns=what%2Cuser"), `it is kept with its view: ${JSON.stringify(kept)}`);
  const asked = await server.must("GET", `/v1/findings?filter=${encodeURIComponent(kept.filter)}`, undefined, server.admin);
  check(asked.total === 20, `its filter alone selects the same: ${asked.total}`);
  await page.goto(`${server.url}/findings`);
  await page.waitForURL(/saved=\d+/);
  await until("its columns", async () => (await page.getByRole("columnheader").count()) === 3);
  await page.locator("label.select", { hasText: /^Time/ }).locator("select").selectOption("30d");
  await page.getByRole("button", { name: /^Saved filters: Boxes <b> \*/ }).click();
  await page.getByRole("menuitem", { name: "Update “Boxes <b>”" }).click();
  await until("it is kept anew", async () => (await server.must("GET", "/v1/filters", undefined, server.admin)).items
    .some((f) => f.view.includes("time=30d")));
  const viewer = await w.pageAs("viewer");
  await viewer.goto(`${server.url}/findings?time=all`);
  await viewer.locator(".rows tbody tr").first().waitFor();
  check(await viewer.locator("input[type=checkbox]").count() === 0, "a viewer chooses nothing");
  await viewer.getByRole("button", { name: "Saved filters" }).click();
  await viewer.getByRole("menuitem", { name: "Boxes <b> (by admin)" }).click();
  await viewer.waitForURL(/columns=what/);
  await viewer.locator(".rows tbody tr").first().waitFor();
  await viewer.close();
  await page.getByRole("button", { name: /^Saved filters/ }).click();
  await page.getByRole("menuitem", { name: "Manage…" }).click();
  await page.getByLabel("Boxes <b>: begin with it").uncheck();
  await until("no default", async () => !(await server.must("GET", "/v1/filters", undefined, server.admin)).items[0].default);
  await accessible("findings, saved filters");
  await page.getByRole("button", { name: "Remove Boxes <b>" }).click();
  await page.getByText("No filter is saved yet").waitFor();
  await page.keyboard.press("Escape");
}

async function statusOf(server, policy, status) {
  const filter = encodeURIComponent(`policy = "${policy}" and status = ${status}`);
  return (await server.must("GET", `/v1/findings?limit=1&filter=${filter}`, undefined, server.admin)).total;
}

async function bulk({ page, server, agents, alert, check, accessible, until }, w) {
  await page.goto(here(server, "Triage", "&view=all"));
  await rows(page).first().waitFor();
  const tick = (i) => page.locator(`tr[data-row="${i}"] input[type=checkbox]`);
  await tick(1).click();
  await tick(4).click({ modifiers: ["Shift"] });
  await page.getByText("4 chosen").waitFor();
  await accessible("findings, chosen");
  await w.picture("findings-chosen-light");
  await page.getByRole("button", { name: "Acknowledge" }).click();
  await page.getByText("4 findings changed: Acknowledged").waitFor();
  check(await statusOf(server, "Triage", "acknowledged") === 4, "four are acknowledged");
  await tick(0).click();
  await page.getByRole("button", { name: "Choose all 20 of this list" }).click();
  await page.getByRole("button", { name: "Archive" }).click();
  await page.getByRole("button", { name: "Change all" }).click();
  await page.getByText("20 findings changed: Archived").waitFor();
  check(await statusOf(server, "Triage", "archived") === 20, "all are archived");
  await tick(0).click();
  await page.getByRole("button", { name: "Choose all 20 of this list" }).click();
  await page.getByRole("button", { name: "Pause" }).click();
  await agents[0].send([alert("One more", "Notice", 3, { policy: "Triage", container: { id: "tx", name: "box-x", image: "i" } })]);
  await until("21 there", async () => await statusOf(server, "Triage", "new") === 1);
  await page.getByRole("button", { name: "Set to new" }).click();
  await page.getByRole("button", { name: "Change all" }).click();
  await page.getByText("Somebody changed this meanwhile").waitFor();
  check(await statusOf(server, "Triage", "archived") === 20, "a list that has changed is left alone");
  await page.getByRole("button", { name: "Resume" }).click();
  await tick(2).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("X");
  await page.getByText("3 chosen").waitFor();
  await page.getByRole("button", { name: "Assign", exact: true }).click();
  await page.getByRole("menuitem", { name: "admin" }).click();
  await page.getByText("3 findings changed: admin").waitFor();
  const assigned = await server.must("GET", `/v1/findings?filter=${encodeURIComponent('policy = "Triage" and assignee = admin')}`,
    undefined, server.admin);
  check(assigned.total === 3, "three are assigned");
}

async function files({ page, server, check }) {
  await page.goto(here(server, "Triage", "&view=all"));
  await rows(page).first().waitFor();
  for (const [name, test] of [["CSV", (text) => text.split("\r\n").length === 23 && text.startsWith("id,")],
    ["NDJSON", (text) => text.trim().split("\n").map((line) => JSON.parse(line)).every((f) => f.policy === "Triage")],
    ["Falco JSON", (text) => text.trim().split("\n").map((line) => JSON.parse(line)).filter((a) => a.output_fields).length === 21]]) {
    await page.getByRole("button", { name: "Export" }).click();
    const [file] = await Promise.all([page.waitForEvent("download"),
      page.getByRole("menuitem", { name: new RegExp(`^${name} `) }).click()]);
    check(test(readFileSync(await file.path(), "utf8")), `${name}: what the list has`);
  }
  await page.goto(here(server, "Nobody"));
  await page.getByRole("heading", { name: "Nothing found here" }).waitFor();
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("menuitem", { name: /^CSV/ }).click();
  await page.getByText("There is nothing to export").waitFor();
}

export default async function triage(w) {
  const list = Array.from({ length: 20 }, (_, i) => w.alert(`Triage rule ${i}`, "Notice", 3 + i / 10, {
    policy: "Triage", evidence: [], time: Date.now() - i * 1000, type: "Discovery:Runtime/Triage",
    container: { id: `t${i % 2}`, name: `box-${i % 2}`, image: "registry.example/box:1" } }));
  await w.agents[0].send(list);
  await columns(w, w);
  await groups(w, w);
  await saved(w);
  await bulk(w, w);
  await files(w);
}
