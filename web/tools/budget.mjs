// budget.mjs DIST: the scripts and styles that index.html asks for, with all that they import at once, compressed.
// The texts of the larger language count too.
// Over the budget is an error: 90 KB of script, 30 KB of style.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const BUDGET = { js: 90 * 1024, css: 30 * 1024 };
const dist = process.argv[2];

function initial(html) {
  const wanted = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((m) => m[1]);
  const seen = new Set();
  while (wanted.length > 0) {
    const file = wanted.pop();
    if (seen.has(file)) continue;
    seen.add(file);
    if (file.endsWith(".js")) {
      const text = readFileSync(join(dist, file), "utf8");
      for (const m of text.matchAll(/\b(?:from|import)\s*"\.\/([^"]+)"/g)) {
        wanted.push(join("assets", m[1]));
      }
    }
  }
  return [...seen];
}

const html = readFileSync(join(dist, "index.html"), "utf8");
if (/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/.test(html)) {
  throw new Error("index.html has inline script or style: the server's policy forbids it");
}
const sums = { js: 0, css: 0 };
for (const file of initial(html)) {
  sums[file.split(".").pop()] += gzipSync(readFileSync(join(dist, file)), { level: 9 }).length;
}
const texts = readdirSync(join(dist, "assets")).filter((name) => /^(en|ja)-[0-9a-f]+\.js$/.test(name));
if (texts.length !== 2) throw new Error("the texts are not in files of their own, en-….js and ja-….js");
sums.js += Math.max(...texts.map((name) => gzipSync(readFileSync(join(dist, "assets", name)), { level: 9 }).length));
console.log(`console: ${(sums.js / 1024).toFixed(1)} KB of script, ${(sums.css / 1024).toFixed(1)} KB of style at first, compressed`);
for (const [kind, most] of Object.entries(BUDGET)) {
  if (sums[kind] > most) {
    console.error(`console: over the budget of ${most / 1024} KB ${kind}: load what is not needed at first lazily`);
    process.exitCode = 1;
  }
}
