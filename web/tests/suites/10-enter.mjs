// Set-up through the one-time link, log-out, log-in; the findings screen of a server that knows nothing yet.
export const needs = "nothing";

const linkOf = (server) => server.setupLink().replace(/^https?:\/\/[^/]+/, server.url);

async function setUp({ page, server, check, until, inspect, PASSWORD }) {
  await page.goto(`${server.url}/setup#nonsense`);
  await page.getByText("The link is not complete").waitFor();
  await inspect("setup", async () => {
    await page.goto("about:blank");
    await page.goto(linkOf(server));
    await page.locator("input[name=repeat]").waitFor();
  });
  await page.goto("about:blank");
  await page.goto(linkOf(server));
  check(await until("the secret leaves the address", async () => !page.url().includes("hu_")), "the secret stays in the address");
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Password again").fill("short");
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByText("needs 12 characters").waitFor();
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password again").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the administrator" }).click();
  await page.getByRole("button", { name: /Account of/ }).waitFor();
}

async function logInAgain({ page, server, inspect, PASSWORD }) {
  await page.getByRole("button", { name: /Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await inspect("login", async () => {
    await page.goto(`${server.url}/findings`);
    await page.locator("input[name=username]").waitFor();
  });
  await page.goto(`${server.url}/findings`);
  await page.getByLabel("Name").fill("admin");
  await page.getByLabel("Password").fill("wrong password here");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("The name or the password is wrong").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Findings" }).waitFor();
}

export default async function enter(w) {
  await setUp(w);
  await w.ensureAdmin();
  await w.page.goto(`${w.server.url}/findings`);
  await w.page.getByRole("heading", { name: "Nothing found here" }).waitFor();
  await w.inspect("findings-empty", async () => {
    await w.page.goto(`${w.server.url}/findings`);
    await w.page.locator(".empty").waitFor();
  });
  await logInAgain(w);
}
