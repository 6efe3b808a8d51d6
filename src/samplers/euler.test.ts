import { describe, expect, test } from "vitest";
import { fromDiffusers, widthOf } from "../models/ltx/config.ts";
import { coordinates, ropeTables } from "../models/ltx/rope.ts";
import { LtxTransformer } from "../models/ltx/transformer.ts";
import { diffusersName } from "../models/ltx/weights.ts";
import { timestepSinusoid } from "../nn/timestep.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { reference } from "../runtimes/reference/reference.ts";
import { type HostTensor, hostTensor } from "../tensor/dtype.ts";
import { mount, parametersOf } from "../tensor/mount.ts";
import { buildProgram } from "../tensor/program.ts";
import type { Runtime } from "../tensor/runtime.ts";
import { constant, input } from "../tensor/tensor.ts";
import { floatsOf, type Golden, goldenFile, goldenModel } from "../testing/goldens.ts";
import { relativeError } from "../testing/relative-error.ts";
import { readTensor } from "../weights/safetensors.ts";
import { weightsOf } from "../weights/weights-of.ts";
import { type Denoiser, euler } from "./euler.ts";
import { guide, rescale } from "./guidance.ts";
import { addNoise, denoised, timestepOf, velocity } from "./process.ts";
import { dynamicShift, ltxShift } from "./schedules.ts";

const golden: Golden = { case: "sampling-euler-cfg", probe: "", module: "sampling" };

/** The small transformer of the golden as a velocity function of latents, a text and a noise level. */
async function openModel(runtime: Runtime) {
  const { opened } = await goldenModel(golden);
  const file = await goldenFile(golden, "inputs");
  const given = await floatsOf(file);
  const meta = (name: string) => Number(file.metadata[name]);
  const mask = async (name: string): Promise<HostTensor> => {
    const entry = file.tensors.get(name)!;
    return hostTensor(Float32Array.from(await readTensor(entry), Number), entry.shape);
  };
  const config = fromDiffusers(opened.config!);
  const model = mount(new LtxTransformer(config));
  const grid = { frames: meta("num_frames"), height: meta("height"), width: meta("width") };
  const places = coordinates(grid, { fps: meta("frame_rate"), compression: [8, 32, 32] });
  const { cos, sin } = ropeTables(places, widthOf(config));
  const latents = given.get("latents")!;
  const text = given.get("prompt_embeds")!;
  const output = model.forward({
    latents: input("latents", latents.shape),
    text: input("text", text.shape),
    textMask: input("mask", text.shape.slice(0, 2)),
    sinusoid: input("sinusoid", [1, 1, 256]),
    rope: { cos: constant(cos), sin: constant(sin) },
  });
  const weights = weightsOf(
    new Map([...parametersOf(model).keys()].map((path) => [path, opened.checkpoint.tensors.get(diffusersName(path))!])),
  );
  const program = buildProgram({ velocity: output }, { keep: runtime.keeps });
  const executable = await runtime.compile(program, { weights });
  await opened.checkpoint.close();
  const texts = {
    prompt: { text: hostTensor(text.data, text.shape), mask: await mask("prompt_attention_mask") },
    negative: {
      text: hostTensor(given.get("negative_prompt_embeds")!.data, text.shape),
      mask: await mask("negative_prompt_attention_mask"),
    },
  };
  return {
    scale: meta("guidance_scale"),
    steps: meta("num_inference_steps"),
    tokens: latents.shape[1]!,
    noise: latents.data,
    async velocity(x: Float32Array, which: keyof typeof texts, sigma: number): Promise<Float32Array> {
      const sinusoid = timestepSinusoid([timestepOf(Math.fround(sigma))], [1, 1]);
      const feeds = { latents: hostTensor(x, latents.shape), sinusoid, ...texts[which] };
      return Float32Array.from((await executable.run(feeds))["velocity"]!.data);
    },
  };
}

describe.each([
  [reference, 3e-6],
  [openOrt(), 1e-5],
] as const)("guided sampling, runtime %#", (runtime, bar) => {
  test("every step follows the pipeline of diffusers", async () => {
    const model = await openModel(runtime);
    const expected = await floatsOf(await goldenFile(golden, "output"));
    const sigmas = dynamicShift(model.steps, model.tokens, { ...ltxShift, clamp: false });
    expect(relativeError(sigmas, expected.get("sigmas")!.data)).toBeLessThan(1e-6);
    const denoise: Denoiser = async (x, sigma) => {
      const conditional = await model.velocity(x, "prompt", sigma);
      const unconditional = await model.velocity(x, "negative", sigma);
      return denoised(x, guide(conditional, unconditional, model.scale), sigma);
    };
    const steps: number[] = [];
    let last: Float32Array = model.noise;
    for await (const step of euler(denoise, model.noise, sigmas)) {
      steps.push(...step.x);
      last = step.x;
    }
    const errors = [
      relativeError(steps, expected.get("steps")!.data),
      relativeError(last, expected.get("latents")!.data),
    ];
    if (process.env["PARITY_REPORT"])
      console.log(`parity ${runtime.name} sampling ${errors.map((x) => x.toExponential(2))}`);
    expect(Math.max(...errors)).toBeLessThanOrEqual(bar);
  });
});

test("a perfect model is followed to the data in any number of steps", async () => {
  const data = Float32Array.of(1, -2, 3);
  const noise = Float32Array.of(0.5, 0.25, -1);
  const seen: number[] = [];
  const exact: Denoiser = async (x, sigma) => {
    seen.push(relativeError(x, addNoise(data, noise, sigma)));
    return denoised(x, velocity(data, noise), sigma);
  };
  let result: Float32Array = noise;
  for await (const { x } of euler(exact, noise, [1, 0.7, 0.2, 0])) result = x;
  expect(relativeError(result, data)).toBeLessThan(1e-6);
  expect(Math.max(...seen)).toBeLessThan(1e-6);
});

test("guidance of 1 is the conditional prediction, and rescaling brings its spread back", () => {
  const [c, u] = [Float32Array.of(1, 2, 4), Float32Array.of(0, 1, 1)];
  expect([...guide(c, u, 1)]).toEqual([...c]);
  expect([...guide(c, u, 0)]).toEqual([...u]);
  const guided = guide(c, u, 3);
  const spread = (x: Float32Array) => {
    const mean = x.reduce((a, b) => a + b) / x.length;
    return Math.sqrt(x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (x.length - 1));
  };
  expect(spread(rescale(guided, c, 1))).toBeCloseTo(spread(c), 5);
  expect([...rescale(guided, c, 0)]).toEqual([...guided]);
});
