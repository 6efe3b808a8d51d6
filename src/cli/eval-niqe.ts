import { basename, extname } from "node:path";
import { type Command, Option } from "commander";
import { CancelledError } from "../base/errors.ts";
import { usualBlock } from "../metrics/niqe/features.ts";
import { writeNiqeModel } from "../metrics/niqe/model-file.ts";
import { NiqeFitter } from "../metrics/niqe/niqe.ts";
import { type Luma, lumaVariants } from "../metrics/plane.ts";
import { pristineFrames } from "../platform/node/evaluate/pristine.ts";
import { writeFileAtomically } from "../platform/node/files/atomic-file.ts";
import { numberFor } from "./numbers.ts";
import type { Terminal } from "./terminal.ts";

const counts = { least: 2, most: 4096, whole: true } as const,
  shares = { least: 0, most: 1, whole: false } as const;
/** Blocks below which a covariance of 36 features is unsteady. */
const steady = 360;

interface Flags {
  readonly output: string;
  readonly block: number;
  readonly threshold: number;
  readonly luma: Luma;
  readonly frames: number;
  readonly json?: boolean;
}

/** `turbo2k eval niqe-fit FILE|FOLDER... -o MODEL.json`. */
export function addEvalNiqe(group: Command, terminal: Terminal): void {
  group
    .command("niqe-fit")
    .argument("<files...>", "pristine pictures and videos, or folders of them")
    .description("fit NIQE's pristine model to your own pictures; scores are named niqe@NAME")
    .requiredOption("-o, --output <file>", "where the model goes (NAME.json)")
    .option("--block <n>", "side of a block", numberFor("--block", counts), usualBlock)
    .option(
      "--threshold <x>",
      "share of a picture's sharpest block above which blocks are kept",
      numberFor("--threshold", shares),
      0.75,
    )
    .addOption(new Option("--luma <variant>", "how colours become grey").choices(lumaVariants).default("yiq"))
    .option("--frames <n>", "frames of each video", numberFor("--frames", { ...counts, least: 1 }), 4)
    .option("--json", "print one JSON object on stdout")
    .action(async (files: string[], { output, json, frames, ...options }: Flags) => {
      const name = basename(output, extname(output));
      const fitter = new NiqeFitter({ name, ...options });
      let pictures = 0;
      for await (const frame of pristineFrames(files, frames)) {
        if (terminal.signal.aborted) throw new CancelledError();
        fitter.take(frame);
        pictures++;
      }
      const { model, blocks } = fitter.result();
      await writeFileAtomically(output, [new TextEncoder().encode(writeNiqeModel(model))]);
      if (blocks < steady)
        terminal.note(`note: ${blocks} blocks are few; ${steady} make a steady model, 1000 a good one`);
      terminal.out(
        json ? JSON.stringify({ output, pictures, blocks }) : `${output}: ${blocks} blocks of ${pictures} pictures`,
      );
    });
}
