import type { Command } from "commander";
import type { Estimate } from "../metrics/interval.ts";
import { formatAccuracy, type RoundTrip } from "../metrics/world.ts";
import { snap } from "../pipelines/latents.ts";
import { openDevice } from "../platform/node/devices/open-device.ts";
import { type CodedClip, evaluateVae, openVae } from "../platform/node/evaluate/vae.ts";
import type { WorldPreset } from "../platform/node/evaluate/world.ts";
import { modelPath } from "../platform/node/generate/package-root.ts";
import { type GenerateRequest, limits, parseSize } from "../schema/request.ts";
import type { SheetClip } from "../video/contact-sheet.ts";
import { addWorldFlags, collect, presetOf, saveResults } from "./eval.ts";
import { numberFor } from "./numbers.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

const counts = { least: 1, most: 10_000, whole: true } as const;
/** Clips that a contact sheet shows, each with its copy. */
const shown = 6;

interface Flags {
  readonly model: string;
  readonly size: string;
  readonly frames: number;
  readonly clips: number;
  readonly seed: number;
  readonly preset?: WorldPreset;
  readonly device?: GenerateRequest["device"];
  readonly output: string;
  readonly json?: boolean;
}

/** `turbo2k eval vae`. */
export function addEvalVae(group: Command, terminal: Terminal): void {
  const command = group.command("vae").description("what the autoencoder loses: PSNR, and what detectors still find");
  addWorldFlags(addDevice(command))
    .option("--model <model>", "mini, a model's folder, or an autoencoder's", "mini")
    .option("--size <WxH>", "size of the clips", "256x160")
    .option("--frames <n>", "their length", numberFor("--frames", limits.frames), 17)
    .option("--clips <n>", "how many", numberFor("--clips", counts), 16)
    .option("--seed <n>", "which", numberFor("--seed", limits.seed), 1000)
    .action(async ({ model, device, size, frames, output, json, ...flags }: Flags) => {
      const asked = { ...parseSize(size), frames };
      const vae = await openVae(await modelPath(model));
      try {
        const preset = presetOf(flags.preset, vae.world);
        const request = { ...flags, preset, size: snap(asked, vae.config), signal: terminal.signal };
        const clips: SheetClip[] = [];
        const each = ({ truth, trip, caption }: CodedClip) => {
          if (clips.length < 2 * shown)
            clips.push({ frames: truth, caption }, { frames: trip, caption: "after the autoencoder" });
        };
        const result = await collect(
          evaluateVae(vae, (await openDevice(device)).runtime, request),
          terminal,
          each,
          flags.clips,
        );
        const sheet = await saveResults(output, clips, { model, preset, size: request.size, ...result });
        terminal.out(json ? JSON.stringify(result) : `${describe(result)}\n${sheet}`);
      } finally {
        await vae.close();
      }
    });
}

const withInterval = ({ value, low, high }: Estimate, digits: number): string =>
  `${value.toFixed(digits)}${low === null ? "" : ` [${low.toFixed(digits)}, ${high!.toFixed(digits)}]`}`;

const describe = ({ psnr, bodyPsnr, ssim, truth, trip }: RoundTrip): string =>
  [
    `PSNR ${withInterval(psnr, 2)} dB, inside the bodies ${withInterval(bodyPsnr, 2)} dB, SSIM ${withInterval(ssim, 4)}`,
    "what detectors find in true clips:",
    formatAccuracy(truth),
    "and after the autoencoder:",
    formatAccuracy(trip),
  ].join("\n");
