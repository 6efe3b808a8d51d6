// A folder under src/ imports only from rows above its own and from itself (ARCHITECTURE.md).
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

const rows = [
  ["base"],
  ["tensor", "video", "schema"],
  ["kernels", "weights", "samplers"],
  ["runtimes/reference", "runtimes/ort", "runtimes/null", "runtimes/webgpu"],
  ["nn"],
  ["models/*", "acceleration"],
  ["data", "metrics", "pipelines"],
  ["training"],
  ["study"],
  ["platform/node", "platform/browser"],
  ["server", "cli"],
];
const root = resolve(import.meta.dirname, "../src");

/** The layer folder that a file belongs to and its row; `undefined` for the package's own entry files. */
function layerOf(file) {
  const path = relative(root, file);
  for (const [row, folders] of rows.entries()) {
    for (const pattern of folders) {
      const folder = pattern.endsWith("/*") ? path.split("/").slice(0, 2).join("/") : pattern;
      const matches = pattern.endsWith("/*") ? path.startsWith(pattern.slice(0, -1)) : path.startsWith(`${pattern}/`);
      if (matches) return { folder, row };
    }
  }
  return undefined;
}

function* sources(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* sources(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

const faults = [];
for (const file of sources(root)) {
  const isTest = /\.test\.ts$|\/testing\//.test(file);
  const here = layerOf(file);
  if (!here) {
    if (dirname(file) !== root && !isTest) faults.push(`${relative(root, file)}: its folder is in no row`);
    continue;
  }
  for (const match of readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)) {
    const target = resolve(dirname(file), match[1]);
    const there = layerOf(target);
    if (!there && isTest) continue; // helpers of tests lie in src/testing
    if (!there) faults.push(`${relative(root, file)}: imports ${match[1]}, which is in no row`);
    else if (there.folder !== here.folder && there.row >= here.row && !isTest)
      faults.push(`${relative(root, file)} (row ${here.row}) imports ${relative(root, target)} (row ${there.row})`);
  }
}
for (const fault of faults) console.error(fault);
console.log(faults.length ? `layers: ${faults.length} faults` : "layers: ok");
process.exitCode = faults.length ? 1 : 0;
