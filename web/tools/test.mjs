// Bundles tests/*.test.ts and runs them with node's own runner (node 18 reads no TypeScript).
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
let build;
try {
  ({ build } = await import("esbuild"));
} catch {
  console.log("skipped: the packages of web/ are not installed (tools/web.sh install)");
  process.exit(77);
}
const out = mkdtempSync(join(tmpdir(), "hinomi-web-"));
const tests = readdirSync(join(web, "tests")).filter((f) => f.endsWith(".test.ts"));
await build({
  entryPoints: tests.map((f) => join(web, "tests", f)), outdir: out, outExtension: { ".js": ".mjs" },
  inject: [join(web, "tests", "texts.ts")], bundle: true, platform: "node", format: "esm", jsx: "automatic", jsxImportSource: "preact", logLevel: "error",
});
const files = tests.map((f) => join(out, f.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--import", new URL("older-node.mjs", import.meta.url).href, "--test", "--test-reporter=tap", ...files], { stdio: "inherit",
  env: { ...process.env, HINOMI_ROOT: dirname(web) } });
rmSync(out, { recursive: true });
process.exit(status ?? 1);
