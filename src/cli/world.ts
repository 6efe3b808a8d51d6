import { basename, extname, join } from "node:path";
import { type Command, Option } from "commander";
import { CancelledError, InputError } from "../base/errors.ts";
import { type Sample, type SamplePreset, type SampleRequest, samplePresets, samples } from "../data/world/samples.ts";
import { accuracyOf, formatAccuracy, type Marks } from "../metrics/world.ts";
import { writeFileAtomically } from "../platform/node/files/atomic-file.ts";
import { writeVideo } from "../platform/node/video/write.ts";
import { limits, parseSize } from "../schema/request.ts";
import { contactSheet, type SheetClip } from "../video/contact-sheet.ts";
import type { Frame } from "../video/frame.ts";
import { encodePng } from "../video/png.ts";
import { numberFor } from "./numbers.ts";
import type { Terminal } from "./terminal.ts";

const counts = { least: 1, most: 100_000, whole: true } as const,
  seeds = { least: 0, most: 2 ** 32 - 1, whole: true } as const;
/** Clips that a contact sheet shows at most, and frames of each. */
const [rows, columns] = [24, 5];

interface Flags {
  readonly output?: string;
  readonly preset: SamplePreset;
  readonly count: number;
  readonly size: string;
  readonly frames: number;
  readonly fps: number;
  readonly seed: number;
  readonly heldOut?: boolean;
  readonly sheet?: boolean;
  readonly check?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** What is kept of a clip when its pixels are gone. */
type Entry = Omit<Sample, "frames" | "judge"> & { readonly file?: string; readonly marks?: Marks };

/** `turbo2k world`. */
export function addWorld(program: Command, terminal: Terminal): void {
  program
    .command("world")
    .description("render captioned clips of the procedural world that mini models are trained on")
    .option("-o, --output <path>", "a folder, or a file for one clip (default: outputs/world-PRESET-SEED)")
    .addOption(new Option("--preset <name>", "what occurs").choices(samplePresets as string[]).default("mini"))
    .option("--count <n>", "how many clips", numberFor("--count", counts), 8)
    .option("--size <WxH>", "size of the clips", "256x160")
    .option("--frames <n>", "their length", numberFor("--frames", limits.frames), 17)
    .option("--fps <n>", "frames a second", numberFor("--fps", limits.fps), 8)
    .option("--seed <n>", "which clips", numberFor("--seed", seeds), 0)
    .option("--held-out", "only combinations that training never sees")
    .option("--sheet", "a contact sheet too (sheet.png)")
    .option("--check", "run the detectors over the clips and print how much they recover")
    .option("--force", "replace files of the same names")
    .option("--json", "print one JSON object on stdout")
    .action((flags: Flags) => renderWorld(flags, terminal));
}

async function renderWorld(flags: Flags, terminal: Terminal): Promise<void> {
  const { preset, seed, count, frames, fps, force } = flags;
  const request: SampleRequest = { preset, seed, count, frames, ...parseSize(flags.size), heldOut: !!flags.heldOut };
  const output = flags.output ?? join("outputs", `world-${preset}-${seed}`);
  const isFile = [".mp4", ".webm", ".gif"].includes(extname(output).toLowerCase());
  if (/^\.[a-z][a-z0-9]{1,4}$/i.test(extname(output)) && !isFile)
    throw new InputError(`cannot write clips to ${JSON.stringify(output)}`, {
      hint: "name a folder, or for one clip a file ending in .mp4, .webm or .gif",
    });
  if (isFile && count > 1)
    throw new InputError(`${count} clips do not fit into one file`, { hint: "name a folder, or add --count 1" });
  if (isFile && flags.sheet)
    throw new InputError("a contact sheet needs a folder", { hint: "name a folder with --output" });
  const entries: Entry[] = [];
  const shown: SheetClip[] = [];
  for (const { frames: pictures, judge, ...sample } of samples(request)) {
    if (terminal.signal.aborted) throw new CancelledError();
    const path = isFile ? output : join(output, `${String(entries.length).padStart(5, "0")}.mp4`);
    const written = await writeVideo(path, pictures, { ...sizeOf(pictures), fps, force, title: sample.caption });
    entries.push({ ...sample, file: basename(written.path), marks: flags.check ? judge() : undefined });
    if (flags.sheet && shown.length < rows) shown.push({ frames: spread(pictures), caption: sample.caption });
    terminal.progress("clips", entries.length, count);
  }
  const accuracy = flags.check ? accuracyOf(entries.map(({ marks }) => marks!)) : undefined;
  const results = { ...request, fps, accuracy, clips: entries };
  if (!isFile) {
    const text = `${JSON.stringify(results, null, 2)}\n`;
    await writeFileAtomically(join(output, "world.json"), [new TextEncoder().encode(text)]);
    const sheet = flags.sheet && encodePng(contactSheet(shown, { columns }));
    if (sheet) await writeFileAtomically(join(output, "sheet.png"), [sheet]);
  }
  if (flags.json) terminal.out(JSON.stringify({ output, ...results }));
  else terminal.out([accuracy && formatAccuracy(accuracy), output].filter(Boolean).join("\n"));
}

const sizeOf = ([first]: readonly Frame[]): Pick<Frame, "width" | "height"> => ({
  width: first!.width,
  height: first!.height,
});

/** The frames that a sheet shows: the rest of a long list of clips need not stay in memory. */
const spread = (frames: readonly Frame[]): Frame[] =>
  Array.from(
    { length: Math.min(columns, frames.length) },
    (_, index) =>
      frames[Math.round((index * (frames.length - 1)) / Math.max(1, Math.min(columns, frames.length) - 1))]!,
  );
