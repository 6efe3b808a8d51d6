import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { UnsupportedError } from "../base/errors.ts";
import { presets } from "../data/world/draw.ts";
import { resultsMarkdown } from "../metrics/results-markdown.ts";
import type { WorldPreset } from "../platform/node/evaluate/world.ts";
import { makeFolder } from "../platform/node/files/make-folder.ts";
import { contactSheet, type SheetClip } from "../video/contact-sheet.ts";
import { encodePng } from "../video/png.ts";
import { addEvalAggregate } from "./eval-aggregate.ts";
import { addEvalNiqe } from "./eval-niqe.ts";
import { addEvalSplit } from "./eval-split.ts";
import { addEvalStages } from "./eval-stages.ts";
import { addEvalTeacher } from "./eval-teacher.ts";
import { addEvalVae } from "./eval-vae.ts";
import { addEvalVideos } from "./eval-videos.ts";
import { addEvalWorld } from "./eval-world.ts";
import type { Terminal } from "./terminal.ts";

/** `turbo2k eval world|teacher|vae|stages|videos|niqe-fit|split|aggregate`. */
export function addEval(program: Command, terminal: Terminal): void {
  const group = program.command("eval").description("how good a model is");
  for (const add of [
    addEvalWorld,
    addEvalTeacher,
    addEvalVae,
    addEvalStages,
    addEvalVideos,
    addEvalNiqe,
    addEvalSplit,
    addEvalAggregate,
  ])
    add(group, terminal);
}

/** What evaluations on the procedural world have in common. */
export const addWorldFlags = (command: Command): Command =>
  command
    .addOption(
      new Option("--preset <name>", "preset of the world (default: the model's)").choices(Object.keys(presets)),
    )
    .option("-o, --output <folder>", "where results and a contact sheet go", join("outputs", `eval-${command.name()}`))
    .option("--json", "print one JSON object on stdout");

/** The preset asked for, else the one that the model was trained on. */
export function presetOf(asked: WorldPreset | undefined, trained: string | undefined): WorldPreset {
  if (asked) return asked;
  if (trained !== undefined && trained in presets) return trained as WorldPreset;
  throw new UnsupportedError("this model does not say that it was trained on the procedural world", {
    hint: `judge it there all the same with --preset ${Object.keys(presets).join("|")}`,
  });
}

/** Follows an evaluation to its result; `each` hears every clip. */
export async function collect<T, R>(
  events: AsyncGenerator<T, R>,
  terminal: Terminal,
  each: (clip: T) => void,
  count: number,
): Promise<R> {
  for (let done = 1; ; done++) {
    const next = await events.next();
    if (next.done) return next.value;
    each(next.value);
    terminal.progress("clips", done, count);
  }
}

/** Writes figures, as JSON and (where they are counted) as Markdown, and a contact sheet; answers the sheet's path. */
export async function saveResults(folder: string, clips: readonly SheetClip[], results: object): Promise<string> {
  await makeFolder(folder);
  const sheet = join(folder, "sheet.png");
  await writeFile(sheet, encodePng(contactSheet(clips, { columns: 5 })));
  await writeFile(join(folder, "results.json"), `${JSON.stringify(results, null, 2)}\n`);
  const markdown = resultsMarkdown(results);
  if (markdown) await writeFile(join(folder, "results.md"), markdown);
  return sheet;
}
