// A checkpoint with random weights in the layout, sizes and dtype of LTX-Video 2B 0.9.0 and T5-XXL (15 GB), to rehearse on:
//   node bench/rehearsal.js FOLDER && npx turbo2k generate "a red ball" --model FOLDER --size 256x160 --frames 9 --steps 2
// Its tokenizer is a small one of words. Needs a build.
import { writeRandomCheckpoint } from "../dist/platform/node/rehearsal/write-checkpoint.js";

const [folder] = process.argv.slice(2);
if (!folder) throw new Error("name a folder");
const start = performance.now();
await writeRandomCheckpoint(folder, undefined, (path, bytes) => {
  console.log(`${path}: ${(bytes / 1e9).toFixed(2)} GB, ${((performance.now() - start) / 1000).toFixed(0)} s`);
});
