// What 8-bit blocks (W8A8) cost a model: the same videos with them and without, latents and frames compared.
//   node bench/w8a8.js [--model FOLDER] [--device cpu|webgpu] [--size 256x160] [--frames 9] [-o results.json]
// Needs a build.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { openDevice, openModel, textToVideo, w8a8 } from "../dist/index.js";
import { psnr } from "../dist/metrics/psnr.js";
import { modelPath } from "../dist/platform/node/generate/package-root.js";

const { values: given } = parseArgs({
  options: {
    model: { type: "string", default: "mini" },
    device: { type: "string", default: "cpu" },
    size: { type: "string" },
    frames: { type: "string" },
    output: { type: "string", short: "o" },
  },
});
const prompts = [
  "a red ball moving left on a checkered floor",
  "a large blue cube spinning under a grey sky",
  "two green cones, the camera pans right",
];

const { runtime, name: device } = await openDevice(given.device);
const model = await openModel(await modelPath(given.model));
const [width, height] = given.size?.split("x").map(Number) ?? [model.settings.width, model.settings.height];
const frames = Number(given.frames ?? model.settings.frames);

async function make(used, prompt) {
  const made = { frames: [] };
  for await (const event of textToVideo(used, runtime, { prompt, seed: 1, width, height, frames })) {
    if (event.type === "latents") made.latents = event.latents;
    if (event.type === "frame") made.frames.push({ ...event.frame, data: event.frame.data.slice() });
  }
  return made;
}

const norm = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
const results = [];
for (const prompt of prompts) {
  const [plain, narrow] = [await make(model, prompt), await make(w8a8(model, runtime), prompt)];
  const difference = plain.latents.map((value, i) => value - narrow.latents[i]);
  const latentsError = norm(difference) / norm(plain.latents);
  results.push({ prompt, latentsError, psnr: psnr(plain.frames, narrow.frames) });
  console.log(`${prompt}: latents ${latentsError.toPrecision(2)}, frames ${results.at(-1).psnr.toFixed(1)} dB`);
}
await model.close();
const report = { date: new Date().toISOString(), model: given.model, device, width, height, frames, seed: 1, results };
if (given.output) writeFileSync(given.output, `${JSON.stringify(report, null, 1)}\n`);
