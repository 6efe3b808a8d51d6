// A checkpoint with random weights in the layout, sizes and dtype of LTX-Video 2B of a generation (0.9.0, 0.9.1 or 0.9.5; 4 to
// 6 GB) with T5-XXL (10 GB; left out with --no-text), to rehearse on; or a small one built like it (--small):
//   node bench/rehearsal.js FOLDER [0.9.1] [--no-text | --small]
//   npx turbo2k generate "a red ball" --model FOLDER --size 256x160 --frames 9 --steps 2
// Its tokenizer is a small one of words. Needs a build.
import { parseArgs } from "node:util";
import { ltx2bOf, smallOf, writeRandomCheckpoint } from "../dist/platform/node/rehearsal/write-checkpoint.js";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { small: { type: "boolean" }, "no-text": { type: "boolean" } },
});
const [folder, version = "0.9.0"] = positionals;
if (!folder) throw new Error("name a folder");
const { text, ...rest } = flags.small ? smallOf(version) : ltx2bOf(version);
const start = performance.now();
await writeRandomCheckpoint(folder, flags["no-text"] ? rest : { ...rest, text }, (path, bytes) => {
  console.log(`${path}: ${(bytes / 1e9).toFixed(2)} GB, ${((performance.now() - start) / 1000).toFixed(0)} s`);
});
