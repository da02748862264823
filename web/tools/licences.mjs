// The notices that the licences of bundled packages ask for: of exactly those packages that have code in the output,
// as dist/licences.txt. A package without a text is an error: then nobody may ship it.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const MARK = "node_modules/";

/** The package that a module is of; the loader of lazy screens is vite's own. */
function packageOf(module) {
  if (module.startsWith("\0vite/")) return "vite";
  const at = module.lastIndexOf(MARK);
  if (at < 0) return undefined;
  const [scope, name] = module.slice(at + MARK.length).split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}

/** vite's file goes on with the licences of what only its own program contains. */
function ownPart(text) {
  const end = text.search(/^# Licenses of bundled dependencies/m);
  return (end < 0 ? text : text.slice(0, end)).replace(/\r/g, "").trim();
}

function noticeOf(name) {
  const folder = join(web, "node_modules", name);
  const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)(\.(md|txt))?$/i.test(file)).sort();
  if (files.length === 0) throw new Error(`${name} has no licence text: its notice cannot be shipped`);
  const texts = files.map((file) => ownPart(readFileSync(join(folder, file), "utf8")));
  return `${"=".repeat(78)}\n${name} ${version} (${license})\n${"=".repeat(78)}\n\n${texts.join("\n\n")}\n`;
}

export function noticesOf(names) {
  const head = "Hinomi's console contains code of these packages, under the licences below. Hinomi itself is under the\n" +
    "Apache License 2.0.";
  return [head, "", ...names.map((name) => `  ${name}`), "", ...names.map(noticeOf)].join("\n");
}

export function licences() {
  return {
    name: "licences",
    generateBundle(_, bundle) {
      const modules = Object.values(bundle).flatMap((chunk) => Object.keys(chunk.modules ?? {}));
      const names = [...new Set(modules.map(packageOf).filter(Boolean))].sort();
      this.emitFile({ type: "asset", fileName: "licences.txt", source: noticesOf(names) });
    },
  };
}
