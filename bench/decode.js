// Decoding a video: tiled as `generate` does it, beside diffusers (--python) and whole (--whole); seconds, CPU seconds and peak memory
// of a process each, and how far the tiled frames are from the whole ones.
//   node bench/decode.js FOLDER 960x544x49 [--python PYTHON] [--whole] [-o results.json]
// FOLDER holds an LTX autoencoder as diffusers lays it out, or a model with one. Needs a build.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { gaussian } from "../dist/base/philox.js";
import { compression, fromDiffusers } from "../dist/models/ltx-vae/config.js";
import { LtxVae } from "../dist/models/ltx-vae/vae.js";
import { diffusersName, isStatistic } from "../dist/models/ltx-vae/weights.js";
import { decodeFrames } from "../dist/pipelines/decode.js";
import { defaultTiling } from "../dist/pipelines/execution.js";
import { gridOf } from "../dist/pipelines/latents.js";
import { openOrt } from "../dist/platform/node/devices/ort.js";
import { openCheckpointPath } from "../dist/platform/node/files/open-checkpoint.js";
import { weightsFor } from "../dist/weights/weights-of.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: "string" },
    whole: { type: "boolean" },
    output: { type: "string", short: "o" },
    child: { type: "string" },
  },
});
const [folder, size = "960x544x49", out] = positionals;
if (!folder) throw new Error("name a folder with an autoencoder");
const [width, height, frames] = size.split("x").map(Number);
const tilings = { tiled: defaultTiling, whole: { ...defaultTiling, frames: 1e6, cells: 1e9 } };

async function decode(tiling) {
  const { config: json, checkpoint } = await openCheckpointPath(folder, { module: "vae" });
  const config = fromDiffusers(json);
  const weights = weightsFor(new LtxVae(config), checkpoint, { name: diffusersName, ignore: isStatistic });
  const grid = gridOf({ width, height, frames }, config);
  const latents = gaussian(config.latentChannels * grid.frames * grid.height * grid.width, 0, "bench");
  const [start, before] = [performance.now(), process.cpuUsage()];
  const made = [];
  for await (const { data } of decodeFrames({ vae: { config, weights } }, openOrt({ arena: false }), latents, grid, {
    tiling,
    decoder: "mapped",
    seed: 0,
  }))
    made.push(data);
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  writeFileSync(out, Buffer.concat(made));
  return { seconds, cpuSeconds: (user + system) / 1e6, peakBytes };
}

function psnr(a, b) {
  let sum = 0;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    sum += difference ** 2;
    most = Math.max(most, difference);
  }
  return { psnr: sum ? 10 * Math.log10((255 ** 2 * a.length) / sum) : "equal", most };
}

function gridOfFolder() {
  for (const path of [join(folder, "vae", "config.json"), join(folder, "config.json")])
    try {
      const [t, h, w] = compression(fromDiffusers(JSON.parse(readFileSync(path, "utf8"))));
      return [(frames - 1) / t + 1, height / h, width / w];
    } catch {}
  throw new Error(`no config.json of an autoencoder in ${folder}`);
}

if (options.child) {
  console.log(JSON.stringify(await decode(tilings[options.child])));
  process.exit(0);
}
const temporary = mkdtempSync(join(tmpdir(), "turbo2k-decode-"));
const run = (command, args) =>
  JSON.parse(execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }));
const ours = (kind) =>
  run(process.execPath, [import.meta.filename, folder, size, join(temporary, kind), "--child", kind]);
const threads = availableParallelism();
try {
  const result = { date: new Date().toISOString(), folder: resolve(folder).split("/").at(-1), size, threads };
  result.tiled = ours("tiled");
  if (options.python) {
    const script = resolve(import.meta.dirname, "../tools/parity/decode.py");
    result.diffusers = run(options.python, [script, folder, ...gridOfFolder().map(String), "--threads", `${threads}`]);
    result.ratio = {
      seconds: result.tiled.seconds / result.diffusers.seconds,
      cpuSeconds: result.tiled.cpuSeconds / result.diffusers.cpuSeconds,
      peakBytes: result.tiled.peakBytes / result.diffusers.peakBytes,
    };
  }
  if (options.whole) {
    result.whole = ours("whole");
    result.seams = psnr(...["tiled", "whole"].map((kind) => readFileSync(join(temporary, kind))));
  }
  if (options.output) writeFileSync(options.output, `${JSON.stringify(result, null, 2)}\n`);
  console.log(JSON.stringify(result, null, 2));
} finally {
  rmSync(temporary, { recursive: true });
}
