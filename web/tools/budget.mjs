// budget.mjs DIST: what a reader has to load, compressed. Over a budget is an error:
//   at first    the scripts and styles that index.html asks for, with all that they import at once, and the
//               texts of the larger language
//   a screen    what one of the others brings beside that
//   the editor  CodeMirror, when somebody edits
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const KB = 1024;
const FIRST = { js: 90 * KB, css: 30 * KB };
const SCREEN = 40 * KB;
const EDITOR = 150 * KB;
const ALL = 400 * KB;
const dist = process.argv[2];
const assets = join(dist, "assets");

const size = (file) => gzipSync(readFileSync(join(assets, file)), { level: 9 }).length;

/** The files of a start, and what they import at once. */
function reached(start) {
  const wanted = [...start];
  const seen = new Set();
  while (wanted.length > 0) {
    const file = wanted.pop();
    if (seen.has(file)) continue;
    seen.add(file);
    if (!file.endsWith(".js")) continue;
    const text = readFileSync(join(assets, file), "utf8");
    for (const m of text.matchAll(/\b(?:from|import)\s*"\.\/([^"]+)"/g)) wanted.push(m[1]);
  }
  return seen;
}

let over = 0;
function within(what, bytes, most) {
  if (bytes <= most) return;
  console.error(`console: ${what}: ${(bytes / KB).toFixed(1)} KB, over the budget of ${most / KB} KB: load what is not needed lazily`);
  over++;
}

const html = readFileSync(join(dist, "index.html"), "utf8");
if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/.test(html)) {
  throw new Error("index.html has inline script or style: the server's policy forbids it");
}
const first = reached([...html.matchAll(/(?:src|href)="\/assets\/([^"]+\.(?:js|css))"/g)].map((m) => m[1]));
const scripts = readdirSync(assets).filter((file) => file.endsWith(".js"));
const texts = scripts.filter((file) => /^(en|ja)-[0-9a-f]+\.js$/.test(file));
if (texts.length !== 2) throw new Error("the texts are not in files of their own, en-….js and ja-….js");
const sums = { js: Math.max(...texts.map(size)), css: 0 };
for (const file of texts) first.add(file);
for (const file of [...first].filter((one) => !texts.includes(one))) sums[file.split(".").pop()] += size(file);
for (const [kind, most] of Object.entries(FIRST)) within(`${kind} at first`, sums[kind], most);
for (const file of scripts.filter((one) => !first.has(one))) {
  const own = [...reached([file])].filter((one) => !first.has(one)).reduce((sum, one) => sum + size(one), 0);
  within(file, own, file.startsWith("editor-code") ? EDITOR : SCREEN);
}
const all = scripts.reduce((sum, file) => sum + size(file), 0);
within("all script", all, ALL);
console.log(`console: ${(sums.js / KB).toFixed(1)} KB of script, ${(sums.css / KB).toFixed(1)} KB of style at first, ` +
  `${(all / KB).toFixed(1)} KB of script in all, compressed`);
process.exitCode = over > 0 ? 1 : 0;
