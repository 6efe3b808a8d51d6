/** What is compared: arms of distillation (the claim of the paper's Table 4) and of two-stage synthesis (Table 5). */
import type { HrConfig } from "../models/ltx/two-stage-config.ts";
import type { DistillRecipe } from "../training/recipe.ts";

export interface DistillArm {
  readonly about: string;
  /** How it goes on from the base checkpoint; the base itself does not. */
  readonly strategy?: DistillRecipe["strategy"];
  /** Compares blocks halfway (`preset.middle`), the teacher's centred, with this λ, in place of last blocks as they are. */
  readonly middle?: { readonly weight: number };
  /** Trains for as many seconds as another arm took, its teacher's time included, rather than as many steps. */
  readonly secondsOf?: string;
  /** Trains as many times the preset's steps, on as many times its draws, of the first seed alone. */
  readonly longer?: number;
}

export const distillArms = {
  A0: { about: "the base checkpoint" },
  A1: { about: "data only", strategy: "data-only" },
  A2: { about: "teacher fixed at t = 0.1", strategy: "fixed" },
  A3: { about: "teacher and student at one t", strategy: "synchronised" },
  A4: { about: "control: features of another clip", strategy: "shuffled" },
  A5: { about: "control: data only for the seconds of A3", strategy: "data-only", secondsOf: "A3" },
  A6: { about: "exploratory: A3 at middle blocks, centred, λ = 2", strategy: "synchronised", middle: { weight: 2 } },
  A7: { about: "exploratory: A2 likewise", strategy: "fixed", middle: { weight: 2 } },
  A8: { about: "exploratory: A4 likewise", strategy: "shuffled", middle: { weight: 2 } },
  A9: {
    about: "exploratory: A6 for eight times its steps",
    strategy: "synchronised",
    middle: { weight: 2 },
    longer: 8,
  },
  A10: { about: "exploratory: A1 likewise", strategy: "data-only", longer: 8 },
} as const satisfies Record<string, DistillArm>;

export interface HrArm {
  readonly about: string;
  /** What guides its model; without it the decoded draft is enlarged. */
  readonly guidance?: HrConfig["guidance"];
  /** Samples the model of another arm. */
  readonly modelOf?: string;
  /** Guided by what the low-resolution model sees in the true clip, rather than in its own draft. */
  readonly oracle?: true;
  /** Trains as many times the preset's steps, of the first seed alone. */
  readonly longer?: number;
  /** Whose drafts it refines and whose weights it starts from (A3 of the first seed); another than A3 for the first seed alone. */
  readonly drafter?: DistillArmName;
}

export const hrArms = {
  B0: { about: "bicubic enlargement of the decoded draft" },
  B1: { about: "no guidance", guidance: "none" },
  B2: { about: "latent guidance", guidance: "latents" },
  B3: { about: "features at the t of the high resolution", guidance: "features-synced" },
  B4: { about: "features at t = 0.1", guidance: "features" },
  B5: { about: "oracle: features at t = 0.1 of the true clip", guidance: "features", modelOf: "B4", oracle: true },
  B6: { about: "exploratory: B4 for seven times its steps", guidance: "features", longer: 7 },
  B7: { about: "exploratory: B2 likewise", guidance: "latents", longer: 7 },
  B8: { about: "exploratory: oracle of B6", guidance: "features", modelOf: "B6", longer: 7, oracle: true },
  B9: { about: "exploratory: B0 of A9's drafts", drafter: "A9" },
  B10: { about: "exploratory: B6 of A9's drafts", guidance: "features", longer: 7, drafter: "A9" },
  B11: { about: "exploratory: B7 of A9's drafts", guidance: "latents", longer: 7, drafter: "A9" },
  B12: {
    about: "exploratory: oracle of B10",
    guidance: "features",
    modelOf: "B10",
    longer: 7,
    oracle: true,
    drafter: "A9",
  },
} as const satisfies Record<string, HrArm>;

export type DistillArmName = keyof typeof distillArms;
export type HrArmName = keyof typeof hrArms;

/** Added when A1 to A4 of the pilot were known, and B0 to B5. */
export const explored = {
  A: [
    ["A6", "A1"],
    ["A6", "A3"],
    ["A6", "A7"],
    ["A6", "A8"],
    ["A6", "A5"],
    ["A5", "A3"],
    ["A7", "A1"],
    ["A8", "A1"],
    ["A9", "A10"],
    ["A9", "A6"],
    ["A10", "A1"],
  ],
  B: [
    ["B6", "B7"],
    ["B6", "B4"],
    ["B7", "B2"],
    ["B6", "B0"],
    ["B10", "B11"],
    ["B10", "B6"],
    ["B11", "B7"],
    ["B10", "B9"],
  ],
} as const;

/** Planned contrasts by family; Holm's adjustment is within one. All else is exploratory. */
export const contrasts = {
  A: [
    ["A3", "A2"],
    ["A2", "A1"],
    ["A3", "A1"],
    ["A1", "A0"],
  ],
  B: [
    ["B4", "B3"],
    ["B4", "B2"],
  ],
} as const;
