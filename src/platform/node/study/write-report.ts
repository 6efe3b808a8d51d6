import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { studyPrompts } from "../../../data/world/study.ts";
import { distillArms, hrArms } from "../../../study/arms.ts";
import type { StudyPreset } from "../../../study/preset.ts";
import { report } from "../../../study/report.ts";
import type { ResultLine } from "../../../study/results.ts";
import { readJsonLines } from "../files/json-lines.ts";
import { makeFolder } from "../files/make-folder.ts";
import { writeSheet } from "./sheets.ts";

/** Writes `NAME.md`, its results and its sheets from a study's folder; answers the file. */
export async function writeReport(folder: string, target: string): Promise<string> {
  const text = await readFile(join(folder, "preset.json"), "utf8").catch((cause: unknown) => {
    throw new InputError("no study has run here", { where: folder, cause, hint: "turbo2k study run" });
  });
  const preset = JSON.parse(text) as StudyPreset;
  const lines = await readJsonLines<ResultLine>(join(folder, "results.jsonl"));
  const captions = studyPrompts(preset).map(({ prompt }) => prompt);
  await makeFolder(target);
  const sheet = async (family: string, arms: readonly string[]) => {
    const file = `${preset.name}-${family}.png`;
    const shown = await writeSheet(
      folder,
      arms,
      captions.flatMap((caption) => new Array<string>(preset.samples).fill(caption)),
      join(target, file),
    );
    return shown.length ? { file, arms: shown } : undefined;
  };
  const sheets = {
    A: await sheet("A", ["teacher", ...Object.keys(distillArms)]),
    B: await sheet("B", Object.keys(hrArms)),
  };
  const file = join(target, `${preset.name}.md`);
  await writeFile(file, report(preset, lines, sheets));
  await writeFile(join(target, `${preset.name}.jsonl`), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return file;
}
