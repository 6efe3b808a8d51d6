import { join } from "node:path";
import { type Command, Option } from "commander";
import { presets } from "../data/world/draw.ts";
import { WorldClips } from "../data/world/source.ts";
import { snap } from "../pipelines/latents.ts";
import { openDevice } from "../platform/node/devices/open-device.ts";
import {
  captionsOf,
  compareFeatures,
  type FeatureMaps,
  type FeatureResult,
} from "../platform/node/evaluate/features.ts";
import type { WorldPreset } from "../platform/node/evaluate/world.ts";
import { modelPath } from "../platform/node/generate/package-root.ts";
import { openModel } from "../platform/node/models/open-model.ts";
import { openTeacher } from "../platform/node/models/teacher-folder.ts";
import { writeVideo } from "../platform/node/video/write.ts";
import { type GenerateRequest, type Limit, limits, parseSize } from "../schema/request.ts";
import { blankFrame, drawFrame, drawText } from "../video/canvas.ts";
import { enlarge } from "../video/feature-colours.ts";
import type { Frame } from "../video/frame.ts";
import { presetOf, saveResults } from "./eval.ts";
import { numberFor, parseList } from "./numbers.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly teacher: string;
  readonly model: string;
  readonly sigmas: readonly number[];
  readonly teacherBlocks: readonly number[];
  readonly studentBlocks: readonly number[];
  readonly preset?: WorldPreset;
  readonly size: string;
  readonly frames: number;
  readonly clips: number;
  readonly seed: number;
  readonly embeddings?: string;
  readonly list?: boolean;
  readonly output: string;
  readonly json?: boolean;
  readonly device?: GenerateRequest["device"];
}

const levels = { least: 1e-3, most: 1, whole: false } as const;
const blocks = { least: -1000, most: 1000, whole: true } as const;
const listOf = (flag: string, limit: Limit) => (text: string) => parseList(text, flag, limit);
const counts = { least: 1, most: 1000, whole: true } as const;

/** `turbo2k features`: feature maps of a teacher and a student side by side, and how alike they are. */
export function addFeatures(program: Command, terminal: Terminal): void {
  const command = program
    .command("features")
    .description(
      "feature maps of a teacher and a student as videos of their principal colours, and their alignment (CKA)",
    )
    .requiredOption("--teacher <folder>", "a trained teacher")
    .option("--model <model>", "the student: mini, or a model's folder", "mini")
    .option("--sigmas <list>", "noise levels", listOf("--sigmas", levels), [0.1, 0.5, 0.9])
    .option("--teacher-blocks <list>", "its blocks; -1 is the last", listOf("--teacher-blocks", blocks), [0, -1])
    .option("--student-blocks <list>", "its blocks; -1 is the last", listOf("--student-blocks", blocks), [0, -1])
    .addOption(
      new Option("--preset <name>", "preset of the world (default: the student's)").choices(Object.keys(presets)),
    )
    .option("--size <WxH>", "size of the clips", "256x160")
    .option("--frames <n>", "their length", numberFor("--frames", limits.frames), 17)
    .option(
      "--clips <n>",
      "clips that the alignment is measured on; the first is shown",
      numberFor("--clips", counts),
      4,
    )
    .option("--seed <n>", "which", numberFor("--seed", limits.seed), 1000)
    .option("--embeddings <file>", "text embeddings in place of the teacher's encoders (docs/guides/distillation.md)")
    .option("--list", "print the clips' captions only, to embed them elsewhere")
    .option("-o, --output <folder>", "where videos and results go", join("outputs", "features"))
    .option("--json", "print one JSON object on stdout");
  addDevice(command).action((flags: Flags) => show(flags, terminal));
}

async function show({ output, preset, json, list, device, ...flags }: Flags, terminal: Terminal): Promise<void> {
  const teacher = await openTeacher(flags.teacher);
  try {
    const student = await openModel(await modelPath(flags.model));
    try {
      const clips = new WorldClips(presetOf(preset, student.settings.world), flags.seed);
      const picture = snap({ ...parseSize(flags.size), frames: flags.frames }, student.vae.config);
      const request = { ...flags, picture, signal: terminal.signal };
      if (list) return terminal.out(captionsOf(clips, request).join("\n"));
      const report = (done: number, count: number) => terminal.progress("clips", done, count);
      const { runtime } = await openDevice(device);
      const result = await compareFeatures(teacher, student, clips, runtime, request, report);
      for (const sigma of flags.sigmas) {
        const frames = sideBySide(result, sigma);
        const { width, height } = frames[0]!;
        const path = join(output, `sigma-${sigma.toFixed(2)}.mp4`);
        await writeVideo(path, frames, {
          width,
          height,
          fps: student.settings.fps,
          force: true,
          title: result.caption,
        });
      }
      const sheet = flags.sigmas.map((sigma) => ({ frames: sideBySide(result, sigma), caption: `sigma ${sigma}` }));
      const { sigmas, teacherBlocks, studentBlocks } = flags;
      const figures = { sigmas, teacherBlocks, studentBlocks, clips: flags.clips, cka: result.cka };
      await saveResults(output, sheet, figures);
      terminal.out(json ? JSON.stringify(figures) : `${table(sigmas, result.cka)}\n${output}`);
    } finally {
      await student.close();
    }
  } finally {
    await teacher.close();
  }
}

/** The clip above and below, right of it the teacher's blocks above the student's, at the clip's size. */
function sideBySide({ clip, maps }: FeatureResult, sigma: number): Frame[] {
  const { width, height } = clip[0]!;
  const rows = (["teacher", "student"] as const).map((who) => maps.filter((m) => m.who === who && m.sigma === sigma));
  const columns = 1 + Math.max(...rows.map((row) => row.length));
  return clip.map((frame, f) => {
    const out = blankFrame(columns * width, 2 * height, [24, 24, 26]);
    for (const [row, own] of rows.entries()) {
      drawFrame(out, frame, 0, row * height);
      for (const [i, map] of own.entries()) {
        drawFrame(out, enlarge(frameAt(map, f, clip.length), width, height), (i + 1) * width, row * height);
        drawText(out, `${map.who} block ${map.block}`, (i + 1) * width + 4, row * height + 4, [255, 255, 255]);
      }
    }
    return out;
  });
}

/** The latent frame that a pixel frame lies in: the first stands alone, the others for equal runs. */
function frameAt({ frames }: FeatureMaps, frame: number, count: number): Frame {
  const run = (count - 1) / Math.max(1, frames.length - 1);
  return frames[frame === 0 ? 0 : Math.min(frames.length - 1, Math.ceil(frame / run))]!;
}

/** CKA with the teacher's noise level by row and the student's by column. */
const table = (sigmas: readonly number[], cka: FeatureResult["cka"]): string =>
  [
    `CKA of the last blocks (rows: the teacher's noise level, columns: the student's)`,
    `        ${sigmas.map((s) => s.toFixed(2).padStart(6)).join(" ")}`,
    ...cka.map((row, i) => `  ${sigmas[i]!.toFixed(2)}  ${row.map((v) => v.toFixed(3).padStart(6)).join(" ")}`),
  ].join("\n");
