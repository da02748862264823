// Without a mouse: every screen's controls are reached by Tab, in the order of the page, with the focus seen; what
// opens with Enter closes with Escape and gives the focus back; log-in and story 1's append by keys alone.
import { onePlaceEach } from "../places.mjs";

const TABS = 70;

/** Marks what Tab should reach, and finds what only a mouse can use. */
function prepare() {
  const usable = "a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex='0']";
  let n = 0;
  for (const one of document.querySelectorAll(usable)) {
    if (one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert]")) one.dataset.stop = String(n++);
  }
  const mouseOnly = [...document.querySelectorAll("#main *")].filter((one) =>
    (one.l?.clickfalse ?? one._listeners?.clickfalse) && !one.matches(`${usable}, label, form, dialog, [tabindex]`) &&
    !one.querySelector(usable) && !one.closest("a, button, label, summary, [role=treeitem], [role=tree], [aria-hidden=true]"));
  const miscased = [...document.querySelectorAll("svg *")].filter((one) => one.getAttributeNames().includes("tabIndex"));
  const positive = [...document.querySelectorAll("[tabindex]")].filter((one) => one.tabIndex > 0);
  const describe = (one) => `<${one.localName} class="${one.getAttribute("class") ?? ""}">`;
  return { stops: n, mouseOnly: mouseOnly.slice(0, 3).map(describe), positive: positive.map(describe),
    miscased: miscased.slice(0, 3).map(describe) };
}

/** The element with the focus: its mark, and whether one sees that it has it. */
function focused() {
  const host = document.activeElement;
  if (!host || host === document.body) return { stop: null };
  let one = host;
  while (one.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const paint = () => [one, ...one.querySelectorAll("*")].map((part) => {
    const { stroke, fill, backgroundColor, borderColor } = getComputedStyle(part);
    return [stroke, fill, backgroundColor, borderColor].join();
  }).join("|");
  const changes = () => {
    const before = paint();
    one.blur();
    const after = paint();
    one.focus();
    return before !== after;
  };
  const framed = [style, getComputedStyle(host), getComputedStyle(host.parentElement)]
    .some(({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) > 0);
  const seen = framed || style.boxShadow !== "none" || changes();
  const inside = box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < window.innerHeight;
  return { stop: host.dataset.stop === undefined ? undefined : Number(host.dataset.stop), seen, inside,
    what: `<${one.localName} class="${one.getAttribute("class") ?? ""}"> ${(one.getAttribute("aria-label") ?? one.textContent ?? "").slice(0, 40)}` };
}

async function walk(w, name) {
  const { page, check } = w;
  const { stops, mouseOnly, positive, miscased } = await page.evaluate(prepare);
  check(mouseOnly.length === 0, `${name}: only a mouse can use ${mouseOnly.join(" ")}`);
  check(positive.length === 0, `${name}: an order of its own for Tab: ${positive.join(" ")}`);
  check(miscased.length === 0, `${name}: SVG knows no tabIndex, only tabindex: ${miscased.join(" ")}`);
  const reached = new Set();
  let last = -1;
  for (let i = 0; i < Math.min(stops, TABS); i++) {
    await page.keyboard.press("Tab");
    const { stop, seen, inside, what } = await page.evaluate(focused);
    if (stop === null) break;
    if (stop !== undefined) {
      reached.add(stop);
      last = Math.max(last, stop);
    }
    if (!seen || !inside) check(false, `${name}: the focus is not seen on ${what}`);
  }
  const missed = await page.evaluate(([had, to]) => [...document.querySelectorAll("[data-stop]")]
    .filter((one) => Number(one.dataset.stop) < to && !had.includes(Number(one.dataset.stop)))
    .filter((one) => !one.closest("[role=radiogroup], [role=toolbar]") && one.type !== "radio")
    .map((one) => `<${one.localName}> ${(one.getAttribute("aria-label") ?? one.textContent).slice(0, 40)}`), [[...reached], last]);
  check(missed.length === 0, `${name}: Tab passes over ${missed.slice(0, 4).join(", ")}`);
  check(reached.size > 3, `${name}: Tab reaches only ${reached.size} controls`);
}

/** The first button of the screen that opens a dialog, by Enter; closed by Escape. */
async function dialog(w, name) {
  const { page, check } = w;
  const button = page.locator("#main .button.primary:enabled:visible[type=button]").first();
  if (await button.count() === 0) return;
  const address = page.url();
  await button.focus();
  await page.keyboard.press("Enter");
  await page.waitForTimeout(150);
  if (page.url() !== address || await page.locator("dialog[open]").count() === 0) return;
  check(await page.evaluate(() => document.activeElement?.closest("dialog") !== null), `${name}: the dialog has not the focus`);
  await page.keyboard.press("Escape");
  await w.until(`${name}: Escape closes the dialog`, async () => (await page.locator("dialog[open]").count()) === 0);
  check(await button.evaluate((one) => one === document.activeElement), `${name}: the focus does not come back`);
}

async function tabTo(w, what, matches) {
  for (let i = 0; i < 2 * TABS; i++) {
    await w.page.keyboard.press("Tab");
    if (await w.page.evaluate(matches)) return;
  }
  throw new Error(`Tab does not come to ${what}`);
}

async function story(w) {
  const page = await w.newPage(await w.browser.newContext({ locale: "en-US", timezoneId: "UTC" }));
  const mine = Object.assign(Object.create(w), { page });
  await page.goto(`${w.server.url}/lists/malicious_filenames`);
  await page.locator("input[name=username]").waitFor();
  await tabTo(mine, "the name", () => document.activeElement.name === "username");
  await page.keyboard.type("admin");
  await tabTo(mine, "the password", () => document.activeElement.type === "password");
  await page.keyboard.type(w.PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Append" }).waitFor();
  await tabTo(mine, "Append", () => document.activeElement.textContent === "Append");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  if (!await page.evaluate(() => document.activeElement.localName === "textarea")) {
    await tabTo(mine, "the items", () => document.activeElement.localName === "textarea");
  }
  await page.keyboard.type("keys-only.txt");
  await tabTo(mine, "Save", () => document.activeElement.textContent === "Save");
  await page.keyboard.press("Enter");
  await page.getByText(/In force on (\d+) of \1 agents/).first().waitFor();
  await page.context().close();
}

export default async function keyboard(w) {
  for (const { name, path } of await onePlaceEach(w)) {
    await w.page.goto(w.server.url + path);
    await w.ready();
    await walk(w, name);
    await dialog(w, name);
  }
  await story(w);
}
