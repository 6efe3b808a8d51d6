import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { InputError } from "../base/errors.ts";
import { builtInMetric } from "../metrics/catalogue.ts";
import { readNiqeModel } from "../metrics/niqe/model-file.ts";
import { type MetricInfo, markdown, type Report, summarise, type VideoFigures } from "../metrics/report.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { LearnedMetrics } from "../platform/node/evaluate/learned.ts";
import { compareSets } from "../platform/node/evaluate/sets.ts";
import { expandVideos } from "../platform/node/evaluate/video-files.ts";
import { measureVideo, niqeName } from "../platform/node/evaluate/videos.ts";
import { makeFolder } from "../platform/node/files/make-folder.ts";
import { limits } from "../schema/request.ts";
import { numberFor } from "./numbers.ts";
import type { Terminal } from "./terminal.ts";

const counts = { least: 1, most: 100_000, whole: true } as const;

interface Flags {
  readonly reference?: string;
  readonly low?: string;
  readonly set?: string;
  readonly lowHeight?: number;
  readonly niqe?: string;
  readonly niqeFrames: number;
  readonly learned?: string;
  readonly fps: number;
  readonly quick?: boolean;
  readonly output: string;
  readonly json?: boolean;
}

/** `turbo2k eval videos FILE|FOLDER...`. */
export function addEvalVideos(group: Command, terminal: Terminal): void {
  group
    .command("videos")
    .argument("<files...>", "videos, folders of videos, folders of png")
    .description(
      "figures of videos: flicker, motion, detail, NIQE; against references; learned metrics by your own networks",
    )
    .option("--reference <path>", "videos to compare with frame by frame, of the same names and sizes")
    .option("--low <path>", "the low-resolution videos that these were made from: NAME.draft.EXT or NAME.EXT")
    .option("--set <folder>", "real videos to compare with as a set (Fréchet and kernel distance on random features)")
    .option(
      "--low-height <n>",
      "rows of the low resolution: detail counts from half its share on",
      numberFor("--low-height", counts),
    )
    .option("--niqe <file>", "pristine model: from eval niqe-fit, or LIVE's modelparameters.mat")
    .option("--niqe-frames <n>", "frames of each video that NIQE looks at", numberFor("--niqe-frames", counts), 16)
    .option("--learned <file>", "manifest of ONNX files for learned metrics (docs/guides/evaluation.md)")
    .option("--fps <n>", "rate of folders of png", numberFor("--fps", limits.fps), 24)
    .option("--quick", "leave out what follows motion, which costs most")
    .option("-o, --output <folder>", "where report.json and report.md go", join("outputs", "eval-videos"))
    .option("--json", "print the report as one JSON object")
    .action((paths: string[], flags: Flags) => run(paths, flags, terminal));
}

async function run(paths: string[], flags: Flags, terminal: Terminal): Promise<void> {
  const files = await expandVideos(paths);
  const niqe = flags.niqe === undefined ? undefined : await readNiqeModel(await bytesOf(flags.niqe), flags.niqe);
  const learned = flags.learned === undefined ? undefined : await LearnedMetrics.open(flags.learned);
  const { signal } = terminal;
  const videos: VideoFigures[] = [];
  const absent: Record<string, string> = {};
  for (const file of files) {
    const request = {
      ...flags,
      niqe,
      signal,
      learned: learned && ((name: string, frames: number) => learned.meters(name, frames)),
    };
    videos.push(await measureVideo(file, request, files.length));
    terminal.progress("videos", videos.length, files.length);
  }
  const infoOf = (metric: string): MetricInfo => {
    const info = builtInMetric(metric) ?? learned?.infoOf(metric);
    if (info) return info;
    if (niqe && metric === niqeName(niqe))
      return {
        conformance: niqe.isPublished ? "exact" : "proxy",
        better: "lower",
        about: `pristine model ${niqe.name}, ${niqe.luma} luma`,
        version: 1,
        weights: niqe.sha256,
      };
    throw new InputError(`${metric} is in no catalogue of metrics`);
  };
  const rows = summarise(videos, infoOf);
  if (!niqe) absent["niqe"] = "no pristine model: give one with --niqe, or fit one with turbo2k eval niqe-fit";
  if (!learned) absent["learned metrics"] = "no networks: give a manifest with --learned";
  if (flags.set !== undefined) {
    const distances = await compareSets(files, await expandVideos([flags.set]), openOrt(), terminal);
    rows.push(...distances.map((row) => ({ ...row, ...infoOf(row.metric) })));
  }
  const { json, output, ...settings } = flags;
  const report: Report = { rows, videos, absent, settings };
  await makeFolder(output);
  await writeFile(join(output, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
  await writeFile(join(output, "report.md"), markdown(report));
  terminal.out(json ? JSON.stringify(report) : `${markdown(report)}\n${join(output, "report.md")}`);
}

async function bytesOf(path: string): Promise<Uint8Array> {
  return readFile(path).catch((cause: unknown) => {
    throw new InputError("cannot be read", { where: path, cause });
  });
}
