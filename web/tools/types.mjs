// JSON Schemas (the server's, and those of web/schemas that it lacks) → src/generated/schemas.ts.
// What a schema says that this cannot express is an error, never "any".
import { mkdirSync, readdirSync, readFileSync, writeFileSync, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const folders = [join(web, "schemas"), join(web, "..", "src", "server", "schemas")];
const output = join(web, "src", "generated", "schemas.ts");

export function typeName(name) {
  return name.split(/[^A-Za-z0-9]+/).map((w) => w[0].toUpperCase() + w.slice(1)).join("");
}

function objectType(schema, indent) {
  const required = new Set(schema.required ?? []);
  const inner = indent + "  ";
  const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => {
    const name = /^[A-Za-z_]\w*$/.test(key) ? key : JSON.stringify(key);
    const doc = value.description ? `${inner}/** ${value.description.replaceAll("*/", "* /")} */\n` : "";
    return `${doc}${inner}${name}${required.has(key) ? "" : "?"}: ${tsType(value, inner)};\n`;
  });
  if (rows.length > 0) {
    return `{\n${rows.join("")}${indent}}`;
  }
  const extra = schema.additionalProperties;
  return `Record<string, ${typeof extra === "object" ? tsType(extra, indent) : "unknown"}>`;
}

function ofType(type, schema, indent) {
  switch (type) {
    case "string": return "string";
    case "integer": case "number": return "number";
    case "boolean": return "boolean";
    case "null": return "null";
    case "array": return `Array<${schema.items ? tsType(schema.items, indent) : "unknown"}>`;
    case "object": return objectType(schema, indent);
    default: throw new Error(`a type of a schema is not known: ${JSON.stringify(type)}`);
  }
}

export function tsType(schema, indent = "") {
  if (schema === true || Object.keys(schema).every((k) => k === "description")) {
    return "unknown";
  }
  if (schema.$ref) {
    return typeName(schema.$ref.split("/").pop());
  }
  if (schema.enum || schema.const !== undefined) {
    return (schema.enum ?? [schema.const]).map((v) => JSON.stringify(v)).join(" | ");
  }
  const some = schema.oneOf ?? schema.anyOf;
  if (some && !schema.type) {
    return some.map((s) => tsType(s, indent)).join(" | ");
  }
  const types = Array.isArray(schema.type) ? schema.type : [schema.type ?? "object"];
  return types.map((t) => ofType(t, schema, indent)).join(" | ");
}

export function generate() {
  const found = new Map();
  for (const folder of folders.filter(existsSync)) {
    for (const file of readdirSync(folder).filter((f) => f.endsWith(".json"))) {
      found.set(file.slice(0, -5), JSON.parse(readFileSync(join(folder, file), "utf8")));
    }
  }
  const parts = [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, schema]) =>
    `${schema.description ? `/** ${schema.description} */\n` : ""}export type ${typeName(name)} = ${tsType(schema)};\n`);
  return `// Made by tools/types.mjs of JSON Schemas.\n\n${parts.join("\n")}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = generate();
  mkdirSync(dirname(output), { recursive: true });
  if (!existsSync(output) || readFileSync(output, "utf8") !== text) {
    writeFileSync(output, text);
  }
}
