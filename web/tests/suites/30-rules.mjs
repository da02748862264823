// Rules: the library and what narrows it; story 1's way from a rule's condition to its list; switches and their
// versions; what a viewer may.
const RULE = "Malicious filenames written";
const PATH = `/rules/${encodeURIComponent(RULE)}`;

async function library(w) {
  const { page, server, check } = w;
  await w.inspect("rules", async () => {
    await page.goto(`${server.url}/rules`);
    await page.locator(".library tbody tr").first().waitFor();
  });
  await page.goto(`${server.url}/rules`);
  await page.locator(".library tbody tr").first().waitFor();
  const all = await page.locator(".library tbody tr").count();
  await page.getByLabel("Search rules").fill("malicious filenames");
  await page.waitForURL(/q=malicious/);
  check(await page.locator(".library tbody tr").count() < all, "rules: the search narrows nothing down");
  await page.goto(`${server.url}/rules?severity=critical`);
  await page.getByRole("link", { name: RULE }).waitFor();
  check(await page.locator(".library tbody .severity:not(.critical)").count() === 0, "rules: others than critical ones");
  await page.goto(`${server.url}/rules?q=nothing+like+this`);
  await page.getByRole("heading", { name: "No rule fits" }).waitFor();
  await w.inspect("macros", async () => {
    await page.goto(`${server.url}/macros`);
    await page.locator(".library tbody tr").first().waitFor();
  });
}

async function story(w) {
  const { page, server } = w;
  await w.inspect("rule", async () => {
    await page.goto(server.url + PATH);
    await page.locator(".rule-condition").first().waitFor();
  });
  await page.goto(`${server.url}/rules`);
  await page.getByRole("link", { name: RULE }).click();
  await page.locator(".rule-condition").getByRole("link", { name: "malicious_filenames" }).first().click();
  await page.waitForURL(/\/lists\/malicious_filenames$/);
  await page.getByRole("cell", { name: "kinsing", exact: true }).waitFor();
  await page.goBack();
  await page.locator(".rule-condition").getByRole("link", { name: "file_written" }).first().click();
  await page.waitForURL(/\/macros\/file_written$/);
  await page.getByRole("link", { name: RULE }).waitFor();
  await w.inspect("macro", async () => {
    await page.goto(`${server.url}/macros/file_written`);
    await page.locator(".rule-condition").waitFor();
  });
}

async function switches(w) {
  const { page, server, check } = w;
  await page.goto(server.url + PATH);
  await page.getByRole("switch", { checked: true }).click();
  await page.getByRole("switch", { checked: false }).waitFor();
  await page.getByText(/In force on 2 of 2 agents/).waitFor();
  check((await server.must("GET", `/v1${PATH}`, undefined, server.admin)).enabled === false, "rules: it is not off");
  await page.getByRole("switch").click();
  await page.getByRole("switch", { checked: true }).waitFor();
  await page.getByRole("tab", { name: "Versions" }).click();
  await page.locator(".versions > li").first().waitFor();
  check(await page.locator(".versions > li").count() >= 2, "rules: not two versions");
  await w.inspect("rule-versions", async () => {
    await page.goto(`${server.url}${PATH}?part=versions`);
    await page.locator(".versions > li .diff").first().waitFor();
  });
}

async function viewer(w) {
  const { server, check } = w;
  const page = await w.pageAs("viewer");
  await page.goto(server.url + PATH);
  await page.locator(".rule-condition").first().waitFor();
  check(await page.getByRole("link", { name: "Change…" }).count() === 0, "a viewer is offered to change a rule");
  check(await page.getByRole("switch").isDisabled(), "a viewer is offered to switch a rule");
  await page.goto(`${server.url}${PATH}/edit`);
  await page.getByRole("heading", { name: "Your role may not change rules" }).waitFor();
  await page.close();
}

export default async function rules(w) {
  for (const part of [library, story, switches, viewer]) {
    try {
      await part(w);
    } catch (error) {
      throw new Error(`${part.name}: ${error.stack}`);
    }
  }
}
