import type { Command } from "commander";
import { stringify } from "yaml";
import type { VideoPlan } from "../pipelines/plan.ts";
import { limitOf, planFor, refuseTooLarge } from "../platform/node/generate/fit.ts";
import { defaultModel } from "../platform/node/generate/package-root.ts";
import { type Prepared, prepare, type SeededRequest } from "../platform/node/generate/prepare.ts";
import { variantsOf } from "../platform/node/inspect/gpu.ts";
import { measureRate } from "../platform/node/inspect/rate.ts";
import { isWebGpu } from "../runtimes/webgpu/webgpu.ts";
import { describeSteps } from "./follow.ts";
import { addRequestFlags, dashed, requestOf, seeded } from "./request.ts";
import type { Terminal } from "./terminal.ts";
import { bytes, duration } from "./units.ts";

/** `turbo2k plan`: generate's flags. */
export function addPlan(program: Command, terminal: Terminal): void {
  const command = program
    .command("plan")
    .argument("[prompt]", "as for generate; it makes no difference")
    .description("what a video would take: memory, time and disk, without making it");
  addRequestFlags(command)
    .option("--json", "print one JSON object on stdout")
    .action(async (prompt: string | undefined, flags: Record<string, unknown>) => {
      const request = await requestOf(prompt, flags);
      await printPlan({ ...seeded(request), prompt: request.prompt ?? "a video" }, terminal, flags["json"] === true);
    });
}

/** Prints what a request takes, and what so many of the kind take together; throws where one does not fit. */
export async function printPlan(request: SeededRequest, terminal: Terminal, json: boolean, videos = 1): Promise<void> {
  const prepared = await prepare(request);
  try {
    const baseBytes = process.memoryUsage.rss(); // measuring takes memory that a run does not
    const plan = planFor(prepared, { gflops: await measureRate(prepared.runtime), baseBytes });
    const more = videos > 1 ? { videos } : {};
    terminal.out(json ? JSON.stringify({ ...plan, freeBytes: limitOf(prepared), ...more }) : describe(prepared, plan));
    if (videos > 1 && !json)
      terminal.out(`${videos} videos: ${duration(videos * plan.seconds)}, ${bytes(videos * plan.diskBytes)} on disk`);
    refuseTooLarge(prepared);
  } finally {
    await prepared.model.close();
  }
}

/** Prints the request with everything decided, as a file for `--config`. */
export async function printConfig(request: SeededRequest, terminal: Terminal): Promise<void> {
  const { model, request: resolved } = await prepare(request);
  await model.close();
  const { prompt, negativePrompt, asked: size, fps, seed, draft } = resolved;
  const {
    output,
    device = "auto",
    keepStages,
    lora,
    textEncoder,
    vae,
    upsampler,
    comfyRoot,
    image,
    extend,
    memory,
    compat,
    cache,
    guidanceRescale,
    stgScale,
    stgBlocks,
  } = request;
  const { model: name = comfyRoot === undefined ? defaultModel : undefined } = request;
  const places = { model: name, textEncoder, vae, upsampler, comfyRoot, lora };
  const { sigmas, guidanceScale, guidance } = draft ?? resolved;
  const hrSteps = resolved.sigmas.length - 1;
  // Noise levels that are a release's own are no number of steps.
  const asked = { sigmas: request.sigmas, steps: request.steps, hrSteps: request.hrSteps };
  const counted = request.sigmas ? { sigmas } : { steps: sigmas.length - 1 };
  const noise = draft?.upscaled
    ? { ...asked, keepStages }
    : {
        ...(model.settings.sigmas ? asked : counted),
        ...(draft ? { stages: 2, hrSteps, keepStages } : { stages: 1 }),
      };
  const config = {
    prompt,
    ...places,
    image,
    extend,
    memory,
    output,
    ...size,
    fps,
    ...noise,
    // One number cannot stand for guidance by noise level.
    guidanceScale: guidance ? request.guidanceScale : guidanceScale,
    guidanceRescale,
    stgScale,
    stgBlocks,
    compat,
    cache,
    negativePrompt,
    seed,
    device,
  };
  terminal.out(
    stringify(Object.fromEntries(Object.entries(config).map(([key, value]) => [dashed(key), value]))).trim(),
  );
}

function describe(prepared: Prepared, plan: VideoPlan): string {
  const { model, request } = prepared;
  const { asked, made, fps } = request;
  const moved = asked.width !== made.width || asked.height !== made.height || asked.frames !== made.frames;
  const lines = [
    `${model.settings.name}: ${asked.width}x${asked.height}, ${asked.frames} frames at ${fps} fps, ${describeSteps(request)}`,
    ...(moved
      ? [
          `made at ${made.width}x${made.height} with ${made.frames} frames, then ${request.draft?.upscaled ? "resized" : "cropped"}`,
        ]
      : []),
    ...plan.stages.map(({ name, runs, flops, seconds, peakBytes }) => {
      const work = flops ? `${runs} x ${(flops / runs / 1e9).toPrecision(3)} GFLOP` : `${runs} frames`;
      return `  ${name.padEnd(8)} ${duration(seconds).padStart(12)} ${bytes(peakBytes).padStart(9)}   ${work}`;
    }),
    `  in all   ${duration(plan.seconds).padStart(12)} ${bytes(plan.peakBytes).padStart(9)}   of ${freeOf(prepared)}`,
    `${plan.tokens} tokens, decoded in ${plan.tiles} ${plan.tiles === 1 ? "piece" : "pieces"}, ${bytes(plan.diskBytes)} on disk; seconds at ${Math.round(plan.gflops)} GFLOP/s, measured now`,
    ...describeDevice(prepared, plan),
  ];
  return lines.join("\n");
}

function freeOf(prepared: Prepared): string {
  const limit = limitOf(prepared);
  if (limit === Number.POSITIVE_INFINITY)
    return "the GPU's memory, of which WebGPU tells no size (--memory sets a limit)";
  return `${bytes(limit)} ${prepared.memory ? "allowed" : "free"}`;
}

/** On a GPU: which, and the forms that the large kernels take there. */
function describeDevice({ device, runtime, model }: Prepared, { tokens }: VideoPlan): string[] {
  if (!isWebGpu(runtime)) return [];
  const forms = variantsOf(runtime, { tokens, ...model.transformer.config });
  return [`${device.name}: ${forms.map(({ name, variant }) => `${name} by ${variant}`).join("; ")}`];
}
