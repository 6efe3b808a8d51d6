/** Runs a study: what all arms share, the gates, then the arms seed by seed. What is done already is not done again. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { Random } from "../../../base/philox.ts";
import { studyAt, studyCaption } from "../../../data/world/study.ts";
import { studyFrames } from "../../../data/world/study-source.ts";
import { type DistillArm, distillArms, type HrArm, hrArms } from "../../../study/arms.ts";
import { baseGate, determinismGate, draftGate, teacherGate } from "../../../study/gates.ts";
import { measureSmall } from "../../../study/measure.ts";
import { picturesOf, type StudyPreset } from "../../../study/preset.ts";
import { seeds } from "../../../study/recipes.ts";
import {
  type ArmLine,
  type GateLine,
  linesOf,
  meanFigure,
  type ResultLine,
  type TrainingLine,
} from "../../../study/results.ts";
import { type HrSampleRequest, sampleHr, sampleStudent, sampleTeacher } from "../../../study/sample.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { DraftModel } from "../../../training/hr-draft.ts";
import type { Frame } from "../../../video/frame.ts";
import { resizeFrame } from "../../../video/resize.ts";
import type { Values } from "../training/job.ts";
import { inMemory } from "../training/vae-job.ts";
import { checkDetectors, checkDistances } from "./check-gates.ts";
import {
  type Asked,
  askAll,
  Distances,
  measureLargeClips,
  measureSmallClips,
  type Prompt,
  rowsOf,
} from "./evaluate.ts";
import {
  baseTask,
  type DistillRun,
  distillTask,
  type Features,
  type HrRun,
  hrConfig,
  hrTask,
  openFeatures,
  studentModel,
  type TrainContext,
  teacherModel,
  teacherTask,
  trainNamed,
} from "./models.ts";
import { probeDistillation, probeDrafts } from "./probes.ts";
import { ResultsFile } from "./results-file.ts";
import { keepSamples } from "./sheets.ts";
import type { Trained } from "./train-arm.ts";
import { openPool, openWorkshop, type Pool, type Workshop } from "./workshop.ts";

export interface StudyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Go on behind a gate that failed: a rehearsal of what comes after, from which nothing follows. */
  readonly pastGates?: boolean;
  readonly report?: (done: number, count: number, what: string) => void;
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
  { signal, pastGates = false, report = () => {}, found = () => {} }: StudyOptions = {},
): Promise<StudyOutcome> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "preset.json"), `${JSON.stringify(preset, null, 2)}\n`);
  const results = await ResultsFile.open(join(folder, "results.jsonl"));
  const once: Once = async (name, make) => {
    const isNew = !results.find(name);
    const line = await results.once(name, make);
    if (isNew) found(line);
    return line;
  };
  const stops = (gates: readonly GateLine[]) =>
    pastGates ? undefined : gates.find(({ gate, passed }) => !passed && preset.stopping.includes(gate))?.gate;
  const workshop = await openWorkshop(preset, folder, runtime);
  const distances = new Distances(workshop);
  let pool: Pool | undefined;
  try {
    let stopped = stops([
      await once("gate G1", () => checkDetectors(workshop)),
      await once("gate G5", () => checkDistances(workshop, distances)),
    ]);
    if (stopped) return { stopped, lines: results.lines };
    pool = await openPool(workshop, { folder: join(folder, "latents"), report, ...(signal && { signal }) });
    const context = { workshop, pool, folder, report, ...(signal && { signal }) };
    const run = new StudyRun(context, { results, once, distances });
    stopped = stops(await run.foundation());
    if (!stopped) {
      await run.distillation();
      stopped = stops([await run.drafting()]);
    }
    if (!stopped) await run.twoStages();
    return { stopped, lines: results.lines };
  } finally {
    await distances.dispose();
    await pool?.close();
    workshop.dispose();
  }
}

/** A result of this name: found before, or made and kept now. */
type Once = <L extends ResultLine>(name: string, make: () => Promise<L>) => Promise<L>;

interface Findings {
  readonly results: ResultsFile;
  readonly once: Once;
  readonly distances: Distances;
}

class StudyRun {
  readonly #context: TrainContext;
  readonly #workshop: Workshop;
  readonly #results: ResultsFile;
  readonly #once: Once;
  readonly #distances: Distances;
  readonly #asked: Asked[];
  #base: Values = new Map();
  #teacher: Values = new Map();
  /** The model that drafts: A3 of the first seed, as the paper's. */
  #drafting: Values | undefined;
  #drafts: Promise<{ latents: Float32Array[]; frames: Frame[][] }> | undefined;

  constructor(context: TrainContext, { results, once, distances }: Findings) {
    this.#context = context;
    this.#workshop = context.workshop;
    this.#results = results;
    this.#once = once;
    this.#distances = distances;
    this.#asked = askAll(context.workshop.prompts, context.workshop.preset.samples);
  }

  #trained(what: string, { steps, seconds, loss }: Trained): Promise<TrainingLine> {
    return this.#once(`training ${what}`, async () => ({ kind: "training", what, steps, seconds, loss }));
  }

  /** Teacher and base, and the gates that are asked of them. */
  async foundation(): Promise<GateLine[]> {
    const { preset } = this.#workshop;
    const { pool } = this.#context;
    const teacher = await trainNamed(this.#context, "teacher", teacherTask(this.#workshop, pool));
    await this.#trained("teacher", teacher);
    this.#teacher = teacher.values;
    const base = await trainNamed(this.#context, "base", baseTask(this.#workshop, pool));
    await this.#trained("base", base);
    this.#base = base.values;
    const clips = async () => this.#small(studentModel(this.#workshop, this.#base), this.#asked);
    for (const seed of preset.seeds)
      await this.#once(`arm A0 ${seed}`, async () => this.#armLine("A0", seed, undefined, (await clips()).frames));
    const baseLine = this.#results.find(`arm A0 ${preset.seeds[0]}`) as ArmLine;
    return [
      await this.#once("gate G2", async () => teacherGate(await this.#teacherRows(), baseLine.rows)),
      await this.#once("gate G3", async () =>
        baseGate(baseLine.rows, swappedMean(this.#asked, (await clips()).frames, preset)),
      ),
      await this.#once("gate G6", () => this.#determinism()),
    ];
  }

  async #teacherRows() {
    const { teacher, preset, runtime } = this.#workshop;
    const grid = teacher.grid(picturesOf(preset).small);
    const request = { ...said(this.#asked), grid, sampler: preset.sampler };
    const frames: Frame[][] = [];
    for (const latents of await sampleTeacher(teacherModel(this.#workshop, this.#teacher), runtime, request))
      frames.push(await teacher.decode(latents, grid));
    await keepSamples(this.#context.folder, "teacher", frames);
    return measureSmallClips(this.#asked, frames, preset.detail);
  }

  async #determinism(): Promise<GateLine> {
    const { preset } = this.#workshop;
    const steps = Math.min(20, preset.steps.arm);
    const run = (name: string) =>
      this.#distill({
        name,
        strategy: "data-only",
        seed: preset.seeds[0]!,
        weight: 0,
        steps,
        start: this.#base,
        features: undefined,
      });
    const [a, b] = [await run("same-a"), await run("same-b")];
    return determinismGate(isEqual(a.values, b.values), steps);
  }

  /** Clips of prompts by a low-resolution model. */
  async #small(model: DraftModel, asked: readonly Asked[], size?: number) {
    const { student, preset, runtime } = this.#workshop;
    const picture = size ? { ...picturesOf(preset).small, width: size, height: size } : picturesOf(preset).small;
    const grid = student.grid(picture);
    const latents = await sampleStudent(model, runtime, { ...said(asked), grid, sampler: preset.sampler });
    const frames: Frame[][] = [];
    for (const tokens of latents) frames.push(await student.decodeTokens(tokens, grid));
    return { latents, frames };
  }

  async #armLine(
    arm: string,
    seed: number,
    trained: Omit<Trained, "values"> | undefined,
    frames: Frame[][],
  ): Promise<ArmLine> {
    const { preset } = this.#workshop;
    if (seed === preset.seeds[0]) await keepSamples(this.#context.folder, arm, frames);
    return {
      kind: "arm",
      arm,
      seed,
      steps: trained?.steps ?? 0,
      seconds: trained?.seconds ?? 0,
      loss: trained?.loss ?? null,
      rows: measureSmallClips(this.#asked, frames, preset.detail),
      kid: await this.#distances.to("small", frames),
    };
  }

  /** Arms A1 to A5. */
  async distillation(): Promise<void> {
    const { preset } = this.#workshop;
    const teacher = teacherModel(this.#workshop, this.#teacher);
    const features = {
      synchronised: await openFeatures(this.#context, teacher, "synchronised"),
      fixed: await openFeatures(this.#context, teacher, "fixed"),
    };
    try {
      const weights = {
        A2: await this.#weightOf("A2", features.fixed),
        A3: await this.#weightOf("A3", features.synchronised),
      };
      for (const seed of preset.seeds)
        for (const [arm, settings] of Object.entries(distillArms).slice(1)) {
          const trained = await this.#distilled(arm, settings as DistillArm, {
            seed,
            weight: weights[arm === "A2" ? "A2" : "A3"],
            features,
          });
          if (arm === "A3" && seed === preset.seeds[0]) this.#drafting = trained.values;
          await this.#once(`arm ${arm} ${seed}`, async () => {
            const { frames } = await this.#small(studentModel(this.#workshop, trained.values), this.#asked);
            return this.#armLine(arm, seed, trained, frames);
          });
        }
    } finally {
      features.fixed.dispose();
      features.synchronised.dispose();
    }
    for (const line of await probeDistillation(
      this.#context,
      teacher,
      this.#base,
      this.#drafting!,
      (probe) => !this.#results.find(`probe ${probe}`),
    ))
      await this.#once(`probe ${line.probe}`, async () => line);
  }

  async #distilled(
    arm: string,
    { strategy, secondsOf }: DistillArm,
    { seed, weight, features }: { seed: number; weight: number; features: Record<"synchronised" | "fixed", Features> },
  ): Promise<Trained> {
    const { preset } = this.#workshop;
    const source = strategy === "data-only" ? undefined : features[strategy === "fixed" ? "fixed" : "synchronised"];
    const steps = secondsOf ? this.#stepsFor(secondsOf, seed) : preset.steps.arm;
    return this.#distill({
      name: arm,
      strategy: strategy!,
      seed,
      weight,
      steps,
      start: this.#base,
      features: source?.teacher,
    });
  }

  #distill(run: DistillRun): Promise<Trained> {
    return trainNamed(this.#context, `${run.name}-${run.seed}`, distillTask(this.#workshop, this.#context.pool, run));
  }

  async #trainHr(run: HrRun): Promise<Trained> {
    const opened = hrTask(this.#workshop, this.#context.pool, run);
    try {
      return await trainNamed(this.#context, `${run.name}-${run.seed}`, opened);
    } finally {
      opened.dispose();
    }
  }

  /** Steps of A1 that take as long as another arm's did. */
  #stepsFor(arm: string, seed: number): number {
    const of = (name: string) => this.#results.find(`arm ${name} ${seed}`) as ArmLine;
    const [other, plain] = [of(arm), of("A1")];
    return Math.max(other.steps, Math.round((other.seconds / plain.seconds) * plain.steps));
  }

  /** λ of an arm by mean accuracy on validation prompts. */
  async #weightOf(arm: "A2" | "A3", features: Features): Promise<number> {
    const { preset } = this.#workshop;
    if (preset.weights.length === 1) return preset.weights[0]!;
    const asked = askAll(validation(preset), 1);
    for (const weight of preset.weights)
      await this.#once(`tuning ${arm} ${weight}`, async () => {
        const { strategy } = distillArms[arm];
        const run = { name: `${arm}-tuning-${weight}`, strategy, seed: seeds.tuning, weight, steps: preset.steps.arm };
        const { values } = await this.#distill({ ...run, start: this.#base, features: features.teacher });
        const { frames } = await this.#small(studentModel(this.#workshop, values), asked);
        return {
          kind: "tuning",
          arm,
          weight,
          mean: meanFigure(measureSmallClips(asked, frames, preset.detail), "mean"),
        };
      });
    const tried = linesOf(this.#results.lines, "tuning").filter((line) => line.arm === arm);
    return tried.reduce((best, line) => (line.mean > best.mean ? line : best)).weight;
  }

  async #drafted() {
    if (!this.#drafting) throw new InputError("drafts need the arms of distillation");
    this.#drafts ??= this.#small(studentModel(this.#workshop, this.#drafting), this.#asked);
    return this.#drafts;
  }

  /** G4. */
  drafting(): Promise<GateLine> {
    return this.#once("gate G4", async () => {
      const { frames } = await this.#drafted();
      return draftGate(measureSmallClips(this.#asked, frames, this.#workshop.preset.detail));
    });
  }

  /** Arms B0 to B5, and Fig. 3. */
  async twoStages(): Promise<void> {
    const { preset } = this.#workshop;
    const { frames: drafts, latents } = await this.#drafted();
    const draft = studentModel(this.#workshop, this.#drafting!);
    for (const seed of preset.seeds)
      for (const [arm, settings] of Object.entries(hrArms)) {
        const { guidance, modelOf = arm, oracle } = settings as HrArm;
        const run = { name: modelOf, seed, draft, start: this.#drafting! };
        const trained = guidance && (await this.#trainHr({ ...run, guidance }));
        await this.#once(`arm ${arm} ${seed}`, async () => {
          const frames =
            trained && guidance
              ? await this.#large(draft, {
                  guidance,
                  values: trained.values,
                  drafts: oracle ? await this.#truths() : latents,
                })
              : drafts.map((clip) => clip.map((frame) => resizeFrame(frame, preset.detail, preset.detail)));
          return this.#largeLine(arm, seed, trained, frames, drafts);
        });
      }
    for (const line of await probeDrafts(this.#context, draft, (probe) => !this.#results.find(`probe ${probe}`)))
      await this.#once(`probe ${line.probe}`, async () => line);
    await this.#sizes(draft);
  }

  /** Clean low-resolution latents of what the prompts describe. */
  async #truths(): Promise<Float32Array[]> {
    const { student, preset } = this.#workshop;
    const out: Float32Array[] = [];
    for (const { scene } of this.#asked)
      out.push(await student.encodeTokens(studyFrames(scene, picturesOf(preset).small, preset.detail)));
    return out;
  }

  async #large(
    model: DraftModel,
    {
      guidance,
      values,
      drafts,
    }: { guidance: HrSampleRequest["config"]["guidance"]; values: Values; drafts: readonly Float32Array[] },
  ): Promise<Frame[][]> {
    const { student, preset, runtime } = this.#workshop;
    const pictures = picturesOf(preset);
    const [small, grid] = [student.grid(pictures.small), student.grid(pictures.large)];
    const request = { ...said(this.#asked), grid, small, drafts, sampler: preset.sampler };
    const latents = await sampleHr(model, runtime, {
      ...request,
      config: hrConfig(model, guidance),
      weights: inMemory(values),
    });
    const frames: Frame[][] = [];
    for (const tokens of latents) frames.push(await student.decodeTokens(tokens, grid));
    return frames;
  }

  async #largeLine(
    arm: string,
    seed: number,
    trained: Trained | undefined,
    frames: Frame[][],
    drafts: readonly Frame[][],
  ): Promise<ArmLine> {
    const { preset } = this.#workshop;
    if (seed === preset.seeds[0]) await keepSamples(this.#context.folder, arm, frames);
    return {
      kind: "arm",
      arm,
      seed,
      steps: trained?.steps ?? 0,
      seconds: trained?.seconds ?? 0,
      loss: trained?.loss ?? null,
      rows: measureLargeClips(this.#asked, frames, drafts, preset.detail),
      kid: await this.#distances.to("large", frames),
    };
  }

  /** Fig. 3: the distilled model run directly at growing sizes; two stages stand beside it as arm B4. */
  async #sizes(draft: DraftModel): Promise<void> {
    const { preset, student } = this.#workshop;
    const [, step] = student.codec.compression;
    const smallest = preset.detail / 2;
    for (let size = smallest; size <= preset.detail; size += Math.max(step, smallest / 4)) {
      await this.#once(`size direct ${size}`, async () => {
        const started = performance.now();
        const { frames } = await this.#small(draft, this.#asked, size);
        const secondsPerClip = (performance.now() - started) / 1000 / this.#asked.length;
        const figures = this.#asked.map(({ scene }, i) => measureSmall(scene, frames[i]!, preset.detail));
        return { kind: "size", how: "direct", size, rows: rowsOf(this.#asked, figures), secondsPerClip };
      });
    }
  }
}

const said = (asked: readonly Asked[]) => ({
  captions: asked.map(({ prompt }) => prompt),
  seeds: asked.map(({ seed }) => seed),
});

/** Prompts that are neither trained nor tested with. */
function validation(preset: StudyPreset): Prompt[] {
  return Array.from({ length: Math.min(60, preset.prompts) }, (_, index) => {
    const { scene } = studyAt(seeds.tuning, index, { detail: preset.detail, split: "all" });
    return { prompt: studyCaption(scene, new Random(seeds.tuning, index), 0), scene, heldOut: false };
  });
}

/** Mean attribute accuracy of clips against the prompts of others. */
function swappedMean(asked: readonly Asked[], clips: readonly Frame[][], { detail, samples }: StudyPreset): number {
  const other = (i: number) =>
    asked[(i + samples * Math.max(1, Math.floor(asked.length / samples / 2))) % asked.length]!;
  const figures = clips.map((frames, i) => measureSmall(other(i).scene, frames, detail));
  return meanFigure(rowsOf(asked, figures), "mean");
}

function isEqual(a: Values, b: Values): boolean {
  return [...a].every(([name, { data }]) => {
    const other = b.get(name)!.data;
    return data.length === other.length && data.every((value, i) => value === other[i]);
  });
}
