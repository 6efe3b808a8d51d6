/** What a training run leaves on disk: settings, a log, checkpoints to resume from, weights to use. */
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { CheckpointError, InputError } from "../../../base/errors.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import type { StepReport } from "../../../training/trainer.ts";
import { contactSheet, type SheetClip } from "../../../video/contact-sheet.ts";
import { type PlotSeries, plotLines } from "../../../video/plot.ts";
import { encodePng } from "../../../video/png.ts";
import { readFloat32, readTensor } from "../../../weights/safetensors.ts";
import { storeValues } from "../../../weights/safetensors-writer.ts";
import { writeFileAtomically, writeSafetensorsFile } from "../files/atomic-file.ts";
import { isThere } from "../files/is-there.ts";
import { readJsonLines } from "../files/json-lines.ts";
import { makeFolder } from "../files/make-folder.ts";
import { openCheckpointPath } from "../files/open-checkpoint.ts";

/** All that a run needs to go on. */
export interface Snapshot {
  readonly values: Map<string, HostTensor>;
  /** Steps done. */
  readonly step: number;
}

type Settings = Readonly<Record<string, unknown>>;

/** Which teacher a distillation learns from. */
export interface TeacherMark {
  /** As the recipe names it. */
  readonly path: string;
  readonly sha256: string;
}

/** Folders of models that a run works on. */
const models = ["student", "teacher", "model", "vae", "codec", "from"] as const;

/** What makes a run the one that it is: its models, and into how many parts each update is cut. */
function identityOf(recipe: Settings): Settings {
  const named = ["kind", ...models]
    .map((name) => [name, recipe[name]])
    .filter(([, value]) => typeof value === "string");
  const { accumulate = 1 } = (recipe["optimiser"] ?? {}) as { readonly accumulate?: number };
  return { ...Object.fromEntries(named), accumulate };
}

/** What helps where a run cannot go on. */
export const otherwise = "-o names another folder, --force replaces the run";

export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** @throws InputError where a run has left a snapshot: hours of work, which a new run would replace */
  async refuseUsed(): Promise<void> {
    if (await isThere(this.#snapshot))
      throw new InputError("this folder holds a run already", {
        where: this.path,
        hint: "--resume goes on with it, -o names another folder, --force replaces it",
      });
  }

  /** Begins a run; nothing of an earlier one is left among what it writes. */
  async create(recipe: unknown): Promise<void> {
    for (const left of ["snapshot.safetensors", "log.jsonl", "previews.jsonl", "previews", "teacher.json"])
      await rm(join(this.path, left), { recursive: true, force: true });
    await makeFolder(join(this.path, "previews"));
    await this.keepRecipe(recipe);
  }

  /** What the run follows from now on. */
  async keepRecipe(recipe: unknown): Promise<void> {
    await this.#writeJson("recipe.json", recipe);
  }

  /** @throws InputError for a recipe of another kind or other models than the run's, where those are known */
  async refuseOther(recipe: Settings): Promise<void> {
    const kept = await this.#readJson<Settings>("recipe.json");
    if (!kept) return;
    const [had, wants] = [identityOf(kept), identityOf(recipe)];
    for (const name of ["kind", ...models, "accumulate"])
      if (had[name] !== wants[name])
        throw new InputError(
          `this folder holds a run of another recipe: its ${name} is ${had[name] ?? "not set"}, not ${wants[name] ?? "left out"}`,
          { where: this.path, hint: otherwise },
        );
  }

  /**
   * Notes the teacher of a run, or compares it with the one that is noted.
   * @throws InputError for another one: what brings the student's states to its own learned from the first
   */
  async keepTeacher(teacher: TeacherMark): Promise<void> {
    const kept = await this.#readJson<TeacherMark>("teacher.json");
    const shown = ({ path, sha256 }: TeacherMark) => `${path} (${sha256.slice(0, 12)})`;
    if (kept && kept.sha256 !== teacher.sha256)
      throw new InputError(`this run learns from the teacher ${shown(kept)}, not from ${shown(teacher)}`, {
        where: this.path,
        hint: otherwise,
      });
    if (!kept) await this.#writeJson("teacher.json", teacher);
  }

  /** Settings in which a recipe differs from the one that the run followed so far; none where that is not known. */
  async changesTo(recipe: Settings): Promise<string[]> {
    const kept = await this.#readJson<Settings>("recipe.json");
    if (!kept) return [];
    const now = JSON.parse(JSON.stringify(recipe)) as Settings;
    return [...new Set([...Object.keys(kept), ...Object.keys(now)])].filter(
      (name) => !isDeepStrictEqual(kept[name], now[name]),
    );
  }

  async #writeJson(name: string, value: unknown): Promise<void> {
    await writeFileAtomically(join(this.path, name), [Buffer.from(`${JSON.stringify(value, null, 2)}\n`)]);
  }

  async #readJson<T>(name: string): Promise<T | undefined> {
    const where = join(this.path, name);
    const text = await readFile(where, "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new InputError("this file of the run is damaged", {
        where,
        cause,
        hint: "delete it to go on without comparing the run with what it was begun as",
      });
    }
  }

  get #snapshot(): string {
    return join(this.path, "snapshot.safetensors");
  }

  async log(report: StepReport): Promise<void> {
    await appendFile(join(this.path, "log.jsonl"), `${JSON.stringify(report)}\n`);
  }

  /** Reports so far, up to step `until`. */
  async history(until = Number.POSITIVE_INFINITY): Promise<StepReport[]> {
    const reports = await readJsonLines<StepReport>(join(this.path, "log.jsonl"));
    return reports.filter((report) => report.step <= until);
  }

  /** Everything needed to go on to the same bits, replacing the previous one at once. */
  async saveSnapshot(values: ReadonlyMap<string, HostTensor>, step: number): Promise<void> {
    await writeSafetensorsFile(this.#snapshot, storeValues(values), {
      metadata: { step: String(step) },
    });
  }

  async loadSnapshot(): Promise<Snapshot> {
    const path = this.#snapshot;
    if (!(await isThere(path)))
      throw new CheckpointError("there is no snapshot to resume from", {
        where: path,
        hint: "leave --resume out to start anew",
      });
    const { checkpoint } = await openCheckpointPath(path);
    try {
      const values = new Map<string, HostTensor>();
      for (const [name, entry] of checkpoint.tensors) {
        const data = entry.dtype === "I32" ? await readTensor(entry) : await readFloat32(entry);
        values.set(name, hostTensor(data as Float32Array | Int32Array, entry.shape));
      }
      const step = Number(checkpoint.metadata["step"]);
      if (!Number.isInteger(step)) throw new CheckpointError("this is no snapshot of a run", { where: path });
      return { values, step };
    } finally {
      await checkpoint.close();
    }
  }

  /** Of a run that will not go on. */
  async dropSnapshot(): Promise<void> {
    await rm(this.#snapshot, { force: true });
  }

  /** Drops reports behind `step`: a resumed run writes them again. */
  async forgetAfter(step: number): Promise<void> {
    const lines = (await this.history(step)).map((report) => `${JSON.stringify(report)}\n`);
    await writeFileAtomically(join(this.path, "log.jsonl"), [Buffer.from(lines.join(""))]);
  }

  /** loss.png: the loss of each step and its running mean, and those of held-out clips. */
  async plot(): Promise<void> {
    const reports = await this.history();
    if (!reports.length) return;
    let mean = reports[0]!.loss;
    const smooth = reports.map(({ step, loss }) => {
      mean += (loss - mean) * Math.max(0.02, 1 / step);
      return [step, mean] as const;
    });
    const each = reports.map(({ step, loss }) => [step, loss] as const);
    const series = [
      { name: "each step", points: each },
      { name: "running mean", points: smooth },
      ...heldOutSeries(reports),
    ];
    // What rewards similarity may fall below zero.
    const logY = reports.every(({ loss }) => loss > 0);
    const frame = plotLines(series, { title: "loss", xLabel: "step", yLabel: "loss", logY });
    await writeFile(join(this.path, "loss.png"), await encodePng(frame));
  }

  /** A contact sheet, and a line of figures in previews.jsonl. */
  async savePreview(
    clips: readonly SheetClip[],
    step: number,
    figures: Readonly<Record<string, number>>,
  ): Promise<void> {
    const sheet = contactSheet(clips, { columns: 5 });
    const name = `step-${String(step).padStart(6, "0")}.png`;
    await writeFile(join(this.path, "previews", name), await encodePng(sheet));
    await appendFile(join(this.path, "previews.jsonl"), `${JSON.stringify({ step, ...figures })}\n`);
  }
}

/** A line a noise level. */
function heldOutSeries(reports: readonly StepReport[]): PlotSeries[] {
  const looked = reports.filter(({ validation }) => validation);
  return Object.keys(looked[0]?.validation ?? {}).map((level) => ({
    name: `held out, t ${level}`,
    points: looked.map(({ step, validation }) => [step, validation![level]?.["loss"] ?? Number.NaN] as const),
  }));
}
