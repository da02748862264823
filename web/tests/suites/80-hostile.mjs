// The corpus of hostile texts through every screen, with all that can be opened on it: no script, no markup, nothing
// that the page's policy complains of, and what hides in a text is made visible.
import { plant, TEXTS } from "../corpus.mjs";
import { places } from "../places.mjs";

/** What is wrong with the page as it is; and which places' texts it shows. */
function look() {
  const wrong = [];
  const root = document.querySelector("#app") ?? document.body;
  if (window.hacked !== undefined) wrong.push("a script ran");
  for (const one of document.querySelectorAll("hacked, iframe, object, embed, base, meta[http-equiv], link[href*=hacked], #app script, #app style")) {
    wrong.push(`text became <${one.localName}>`);
  }
  const hidden = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}]|\p{Cs}/u;
  const show = (text) => JSON.stringify(text.slice(0, 100));
  for (const one of root.querySelectorAll("*")) {
    for (const { name, value } of one.attributes) {
      if (name.startsWith("on")) wrong.push(`attribute ${name}`);
      if (/^(href|src|action|formaction|xlink:href|srcdoc)$/.test(name) && !/^(\/(?!\/)|#|https:\/\/attack\.mitre\.org\/)/.test(value)) {
        wrong.push(`${name}=${show(value)}`);
      }
      if (/^(title|aria-|alt|placeholder)/.test(name) && hidden.test(value)) wrong.push(`hidden characters in ${name}: ${show(value)}`);
    }
    if (one.localName === "a" && /^https?:/.test(one.getAttribute("href") ?? "") && !/noreferrer/.test(one.getAttribute("rel") ?? "")) wrong.push(`a link out without noreferrer`);
  }
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode;
    if (hidden.test(data) && !parentElement.closest("textarea, .cm-content")) wrong.push(`hidden characters in text: ${show(data)}`);
  }
  if (hidden.test(document.title)) wrong.push(`hidden characters in the title: ${show(document.title)}`);
  const over = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (over > 1) {
    const far = [...root.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
    wrong.push(`${over} px wider than the window: ${far.slice(0, 6).map((one) => `${one.localName}.${one.className}`)}`);
  }
  const inputs = [...root.querySelectorAll("input, textarea")].map((one) => one.value).join(" ");
  const seen = [...new Set((root.textContent + inputs).match(/zz-[a-z_]+/g) ?? [])];
  return { wrong: [...new Set(wrong)], seen };
}

class Walk {
  seen = new Set();
  constructor(w) {
    Object.assign(this, { w, page: w.page });
  }

  async check(where) {
    const { wrong, seen } = await this.page.evaluate(look);
    seen.forEach((one) => this.seen.add(one));
    this.w.check(wrong.length === 0, `${where}: ${wrong.slice(0, 5).join("; ")}`);
  }

  async open(path) {
    await this.page.goto(this.w.server.url + path);
    await this.w.ready(this.page);
    await this.check(path.slice(0, 120));
  }

  async tabs(path) {
    const tabs = this.page.locator("#main [role=tab]");
    for (let i = 0; i < Math.min(await tabs.count(), 12); i++) {
      await tabs.nth(i).click();
      await this.w.ready(this.page);
      await this.check(`${path.slice(0, 120)}, tab ${i + 1}`);
    }
  }

  /** Each kind of button once: dialogs and menus are looked at and closed, whatever was done is looked at. */
  async buttons(path) {
    const labels = await this.page.locator("#main button:enabled:visible:not([role=tab])").evaluateAll((all) =>
      all.map((one) => one.textContent || one.getAttribute("aria-label")));
    const kinds = new Map(labels.map((label, i) => [label.replace(/zz-.*/su, "").slice(0, 12), i]).reverse());
    for (const [kind, i] of [...kinds].slice(0, 14)) {
      await this.page.locator("#main button:enabled:visible:not([role=tab])").nth(i).click({ timeout: 3000 }).catch(() => undefined);
      await this.page.waitForTimeout(150);
      await this.check(`${path.slice(0, 120)}, after “${kind}”`);
      await this.page.goto(this.w.server.url + path);
      await this.w.ready(this.page);
    }
  }
}

const hostileAddress = (text) => ["/findings?q=", "/findings?filter=", "/findings?open=", "/findings/", "/lists/", "/rules/",
  "/policies/", "/coverage?state=", "/activity?filter=", "/findings?is="].map((start) => start + encodeURIComponent(text));

export default async function hostile(w) {
  const planted = await plant(w);
  console.log(`# hostile: ${planted.taken} texts taken, ${planted.refused} refused`);
  w.check(planted.taken > 100, `only ${planted.taken} texts were taken`);
  const walk = new Walk(w);
  const wanted = (one) => /zz[-_]|<img/.test(JSON.stringify([one.name ?? null, one.rule ?? null]));
  const opened = new Map();
  for (const { pattern, path } of await places(w, wanted)) {
    const before = opened.get(pattern) ?? 0;
    opened.set(pattern, before + 1);
    await walk.open(path);
    if (before < 2) await walk.tabs(path);
    if (before === (pattern.includes("{") ? 1 : 0)) await walk.buttons(path);
  }
  for (const text of [`rule=${TEXTS.markup}`, TEXTS.script, TEXTS.url, TEXTS.bidi, TEXTS.template]) {
    for (const path of hostileAddress(text)) await walk.open(path);
  }
  await shown(w, walk);
}

/** The walk is worth something only where the texts are on the screens. */
async function shown(w, walk) {
  const must = ["rule", "file", "argv", "proc", "image", "container", "falco", "agent", "item", "itemnote", "cluster", "osuser",
    "exe", "list", "type", "policy"];
  for (const place of must) w.check(walk.seen.has(`zz-${place}`), `no screen shows zz-${place}`);
  console.log(`# hostile: shown ${[...walk.seen].map((one) => one.slice(3)).sort().join(" ")}`);
  const { id } = await w.findingWhere('container.id = "c-bidi"');
  await w.page.goto(`${w.server.url}/findings/${id}`);
  await w.ready(w.page);
  for (const code of ["U+202E", "U+200B", "U+2066"]) {
    w.check(await w.page.locator(".unseen", { hasText: code }).count() > 0, `${code} is made visible`);
  }
  await w.picture("hostile-light");
}
