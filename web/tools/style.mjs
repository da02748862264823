// House rules of the console that a machine can check cheaply.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const LINE = 130;
const FILE = 400;
const FORBIDDEN = [
  [/dangerouslySetInnerHTML|\.innerHTML\b|\.outerHTML\b|insertAdjacentHTML|document\.write/, "text never becomes markup"],
  [/\beval\(|new Function\(/, "text never becomes script"],
  [/:\s*any\b|\bas any\b|@ts-ignore|@ts-nocheck/, "no way around the types"],
  [/style="/, "no inline style"],
];

function* filesOf(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!["node_modules", "generated", "dist"].includes(entry.name)) yield* filesOf(path);
    } else if (/\.(tsx?|css)$/.test(entry.name)) {
      yield path;
    }
  }
}

let complaints = 0;
function complain(path, line, why) {
  console.error(`${relative(dirname(web), path)}:${line}: ${why}`);
  complaints++;
}

for (const path of filesOf(web)) {
  const lines = readFileSync(path, "utf8").split("\n");
  if (lines.length > FILE && !/core\/(en|ja)\.ts$/.test(path)) complain(path, 1, `file of ${lines.length} lines, the cap is ${FILE}`);
  lines.forEach((line, i) => {
    if (line.length > LINE) complain(path, i + 1, `longer than ${LINE} columns`);
    if (/\t|\s+$/.test(line)) complain(path, i + 1, "tab or trailing blank");
    for (const [pattern, why] of FORBIDDEN) {
      if (pattern.test(line)) complain(path, i + 1, why);
    }
  });
}
if (complaints > 0) process.exit(1);
