/** Runs a study: what all arms share, the gates, then arm by arm. What is done already is not done again. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { distillArms, hrArms } from "../../../study/arms.ts";
import type { StudyPreset } from "../../../study/preset.ts";
import type { GateLine, ResultLine } from "../../../study/results.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import { makeFolder } from "../files/make-folder.ts";
import { checkDetectors, checkDistances } from "./check-gates.ts";
import type { Study } from "./clips.ts";
import { distil } from "./distillation.ts";
import { askAll, Distances } from "./evaluate.ts";
import { layFoundation } from "./foundation.ts";
import { ResultsFile } from "./results-file.ts";
import { draftersOf, drawLazily, judgeDrafts, refine } from "./two-stages.ts";
import { openPool, openWorkshop, type Pool } from "./workshop.ts";

export interface StudyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Those of the preset's seeds whose arms run here (all): processes beside each other take their shares in one folder. */
  readonly seeds?: readonly number[] | undefined;
  /** Arms that run here (all). Probes and growing sizes run with all of them only. */
  readonly arms?: readonly string[] | undefined;
  /** Go on behind a gate that failed: a rehearsal of what comes after, from which nothing follows. */
  readonly pastGates?: boolean;
  readonly report?: (done: number, count: number, what: string) => void;
  /** Hears what is new. */
  readonly found?: (line: ResultLine) => void;
}

export interface StudyOutcome {
  /** The gate that stopped it. */
  readonly stopped: string | undefined;
  readonly lines: readonly ResultLine[];
}

export async function runStudy(
  preset: StudyPreset,
  folder: string,
  runtime: Runtime,
  { seeds = preset.seeds, arms, signal, pastGates = false, report = () => {}, found = () => {} }: StudyOptions = {},
): Promise<StudyOutcome> {
  const foreign = seeds.find((seed) => !preset.seeds.includes(seed));
  if (foreign !== undefined)
    throw new InputError(`preset ${preset.name} has no seed ${foreign}`, {
      hint: `its seeds: ${preset.seeds.join(", ")}`,
    });
  const known = Object.keys({ ...distillArms, ...hrArms });
  const unknown = arms?.find((arm) => !known.includes(arm));
  if (unknown !== undefined) throw new InputError(`there is no arm ${unknown}`, { hint: known.join(", ") });
  await makeFolder(folder);
  await claim(join(folder, "preset.json"), `${JSON.stringify(preset, null, 2)}\n`);
  const results = await ResultsFile.open(join(folder, "results.jsonl"));
  const once: Study["once"] = async (name, make) => {
    const isNew = !results.find(name);
    const line = await results.once(name, make);
    if (isNew) found(line);
    return line;
  };
  const failed = (gates: readonly GateLine[]): string | undefined =>
    pastGates ? undefined : gates.find(({ gate, passed }) => !passed && preset.stopping.includes(gate))?.gate;
  const outcome = (stopped?: string): StudyOutcome => ({ stopped, lines: results.lines });
  const workshop = await openWorkshop(preset, folder, runtime);
  const distances = new Distances(workshop);
  let pool: Pool | undefined;
  try {
    const detectors = await once("gate G1", () => checkDetectors(workshop));
    const distance = await once("gate G5", () => checkDistances(workshop, distances));
    let stopped = failed([detectors, distance]);
    if (stopped) return outcome(stopped);
    const shared = { report, ...(signal && { signal }) };
    pool = await openPool(workshop, { folder: join(folder, "latents"), ...shared });
    const asked = askAll(workshop.prompts, preset.samples);
    const study: Study = { workshop, pool, folder, seeds, arms, results, once, distances, asked, ...shared };
    const foundation = await layFoundation(study);
    stopped = failed(foundation.gates);
    if (stopped) return outcome(stopped);
    const drafts = drawLazily(study, await distil(study, foundation, draftersOf(study)));
    stopped = failed([await judgeDrafts(study, drafts)]);
    if (!stopped) await refine(study, drafts);
    return outcome(stopped);
  } finally {
    await distances.dispose();
    await pool?.close();
    workshop.dispose();
  }
}

/** @throws InputError where the folder holds the results of another preset, which these would be mixed with */
async function claim(path: string, preset: string): Promise<void> {
  const held = await readFile(path, "utf8").catch(() => undefined);
  if (held !== undefined && held !== preset)
    throw new InputError("this folder holds a study of another preset, or of other sizes", {
      where: path,
      hint: "-o names another folder",
    });
  await writeFile(path, preset);
}
