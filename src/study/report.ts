/** A study's results as Markdown: whichever way they came out, and how much they can bear. */
import { type Contrast, contrast, holm } from "../metrics/contrast.ts";
import { contrasts, distillArms, explored, hrArms } from "./arms.ts";
import type { StudyPreset } from "./preset.ts";
import { linesOf, meanFigure, type ProbeLine, type ResultLine, seedsOf, tableOf } from "./results.ts";

/** Sheets of samples by family, with their columns. */
export type Sheets = Readonly<
  Record<"A" | "B", { readonly file: string; readonly arms: readonly string[] } | undefined>
>;

const percent = (value: number): string => (Number.isFinite(value) ? (100 * value).toFixed(1) : "-");
const short = (value: number): string => (Number.isFinite(value) ? value.toPrecision(3) : "-");
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  `| ${head.join(" | ")} |`,
  `|${head.map(() => "---").join("|")}|`,
  ...rows.map((row) => `| ${row.join(" | ")} |`),
];

/** How much follows from a number of seeds. */
export function standing(seeds: number): string {
  if (seeds === 0) return "no arm has run";
  if (seeds === 1) return "1 seed: a rehearsal, no conclusion";
  if (seeds < 8) return `${seeds} seeds: a pilot; the sign-flip test cannot fall below ${2 / 2 ** seeds}`;
  return `${seeds} seeds`;
}

export function report(preset: StudyPreset, lines: readonly ResultLine[], sheets: Sheets): string {
  return `${[
    `# The study, preset \`${preset.name}\``,
    "",
    `Status: ${standing(seedsOf(lines, ["A0", "A1"]).length)}. ${verdict(preset, lines)}`,
    "",
    `Made by \`turbo2k study report\`; the plan is [plan.md](plan.md), every result a line of [${preset.name}.jsonl](${preset.name}.jsonl).`,
    "The claims under test are those of Tables 4 and 5 of Turbo2K (arXiv 2504.14470): that distillation with teacher and",
    "student at one timestep beats a teacher fixed at t = 0.1, which beats fine-tuning on data; and that features at",
    "t = 0.1 guide the second stage better than latents, and better than features at its own timestep. Numbers here are of",
    "plane figures and of models of a few million weights, and comparable with no others.",
    "",
    ...gates(lines),
    ...trainings(lines),
    ...family("A", "Distillation, at the low resolution", preset, lines, sheets),
    ...family("B", "Two stages", preset, lines, sheets),
    ...sizes(lines),
    ...linesOf(lines, "probe").flatMap(probe),
  ].join("\n")}\n`;
}

function verdict(preset: StudyPreset, lines: readonly ResultLine[]): string {
  const failed = linesOf(lines, "gate").filter(({ passed }) => !passed);
  if (!failed.length) return "All gates that were reached passed.";
  const names = failed.map(({ gate }) => gate).join(", ");
  const stopping = failed.filter(({ gate }) => preset.stopping.includes(gate));
  const arms = linesOf(lines, "arm").some(({ arm }) => arm !== "A0");
  if (!stopping.length) return `Failed, but not stopping in this preset: ${names}.`;
  return arms
    ? `Failed gates: ${names}. The arms below were run past them to rehearse the protocol; nothing follows from them.`
    : `Stopped: failed gates ${names}. No arm was looked at.`;
}

function gates(lines: readonly ResultLine[]): string[] {
  const found = linesOf(lines, "gate");
  const rows = found.map(({ gate, passed, asked, found }) => [gate, passed ? "passed" : "**failed**", asked, found]);
  return ["## Gates", "", ...table(["gate", "", "asked", "found"], rows), ""];
}

function trainings(lines: readonly ResultLine[]): string[] {
  const rows = linesOf(lines, "training").map(({ what, steps, seconds, loss }) => [
    what,
    String(steps),
    seconds.toFixed(0),
    short(loss ?? Number.NaN),
  ]);
  if (!rows.length) return [];
  return ["## What all arms share", "", ...table(["training", "steps", "seconds", "last loss"], rows), ""];
}

const columnsOf = {
  A: ["mean", "joint", "structure", "coarse"],
  B: ["mean", "structure", "coarse", "fine", "kept", "mended"],
} as const;
const others = { A: [], B: ["detail", "wf/lr_ssim", "wf/lr_edges"] } as const;
const legend: Record<string, string> = {
  mean: "mean attribute accuracy",
  joint: "all attributes right",
  structure: "what half the size shows",
  coarse: "coarse fills",
  fine: "fine fills",
  kept: "structure right where the draft is",
  mended: "structure right where the draft is wrong",
  detail: "|ln r| of the novel band against the true clip, 0 is best",
  "wf/lr_ssim": "SSIM with the draft",
  "wf/lr_edges": "edge correlation with the draft",
};

function family(
  name: "A" | "B",
  title: string,
  preset: StudyPreset,
  lines: readonly ResultLine[],
  sheets: Sheets,
): string[] {
  const arms = Object.entries(name === "A" ? distillArms : hrArms);
  const all = linesOf(lines, "arm");
  const present = arms.filter(([arm]) => all.some((line) => line.arm === arm));
  if (!present.length) return [`## ${title}`, "", "Not reached.", ""];
  const [shares, figures] = [columnsOf[name], others[name]];
  const rows = present.map(([arm, { about }]) => {
    const own = all.filter((line) => line.arm === arm);
    const mean = (value: (line: (typeof own)[number]) => number) =>
      own.reduce((sum, line) => sum + value(line), 0) / own.length;
    return [
      arm,
      about,
      String(own.length),
      own[0]!.steps.toString(),
      mean(({ seconds }) => seconds).toFixed(0),
      ...shares.map((figure) => percent(mean((line) => meanFigure(line.rows, figure)))),
      ...figures.map((figure) => short(mean((line) => meanFigure(line.rows, figure)))),
      short(mean(({ kid }) => kid)),
    ];
  });
  const compared = present.map(([arm]) => arm).filter((arm) => contrasts[name].flat().some((one) => one === arm));
  const head = ["arm", "", "seeds", "steps", "seconds", ...shares, ...figures, "KID, random features"];
  const meaning = [...shares, ...figures].map((figure) => `${figure}: ${legend[figure]}`).join("; ");
  const sheet = sheets[name];
  return [
    `## ${title}`,
    "",
    `${standing(seedsOf(lines, compared).length)}; ${preset.prompts} prompts, ${preset.samples} samples of each. Shares in percent. ${meaning}.`,
    "",
    ...table(head, rows),
    "",
    ...planned(name, lines),
    ...exploratory(name, lines),
    ...(sheet
      ? [
          `The first samples, uncurated, middle frames; columns ${sheet.arms.join(", ")}.`,
          "",
          `![samples](${sheet.file})`,
          "",
        ]
      : []),
  ];
}

/** Figures that planned contrasts are of. */
const outcomes = { A: ["mean"], B: ["fine", "structure", "detail"] } as const;

type Pair = readonly [string, string];

function contrastsOf(pairs: readonly Pair[], figure: string, lines: readonly ResultLine[]) {
  const present = pairs.filter((pair) => seedsOf(lines, pair).length > 0);
  return present.map((pair): { pair: Pair; found: Contrast } => {
    const seeds = seedsOf(lines, pair);
    const [a, b] = [tableOf(lines, pair[0], figure, seeds), tableOf(lines, pair[1], figure, seeds)];
    return { pair, found: contrast(a, b) };
  });
}

function planned(name: "A" | "B", lines: readonly ResultLine[]): string[] {
  const rows = outcomes[name].flatMap((figure) => {
    const all = contrastsOf(contrasts[name], figure, lines);
    const adjusted = holm(all.map(({ found }) => found.p));
    return all.map(({ pair, found }, i) => [...contrastRow(pair, figure, found), short(adjusted[i]!)]);
  });
  if (!rows.length) return [];
  return [
    "Planned contrasts, paired by seed and prompt; the interval is of a two-level bootstrap over seeds and prompts, p of the",
    "exact sign-flip test over seeds, adjusted by Holm within family and figure. Of one seed the interval is over prompts alone.",
    "",
    ...table(["contrast", "figure", "difference", "95 % interval", "p", "p, Holm"], rows),
    "",
  ];
}

/** Figures that contrasts which were not planned are of. */
const looked = { A: ["mean", "structure"], B: ["fine", "structure", "detail"] } as const;
const known = { A: "A1 to A4", B: "B0 to B5" } as const;

function exploratory(name: "A" | "B", lines: readonly ResultLine[]): string[] {
  const rows = looked[name].flatMap((figure) =>
    contrastsOf(explored[name], figure, lines).map(({ pair, found }) => contrastRow(pair, figure, found)),
  );
  if (!rows.length) return [];
  return [
    `Not planned: contrasts that were added when ${known[name]} were known, not adjusted.`,
    "",
    ...table(["contrast", "figure", "difference", "95 % interval", "p"], rows),
    "",
  ];
}

const isShare = (figure: string): boolean => figure !== "detail";

function contrastRow([a, b]: Pair, figure: string, { value, low, high, p }: Contrast): string[] {
  const show = isShare(figure) ? percent : short;
  return [`${a} - ${b}`, figure, show(value), `${show(low)} to ${show(high)}`, short(p)];
}

function sizes(lines: readonly ResultLine[]): string[] {
  const found = linesOf(lines, "size");
  if (!found.length) return [];
  const two = linesOf(lines, "arm").find(({ arm }) => arm === "B4");
  const rows = found.map(({ how, size, rows, secondsPerClip }) => [
    how,
    String(size),
    percent(meanFigure(rows, "structure")),
    percent(meanFigure(rows, "fine")),
    short(secondsPerClip),
  ]);
  if (two)
    rows.push([
      "two stages (B4)",
      "the large",
      percent(meanFigure(two.rows, "structure")),
      percent(meanFigure(two.rows, "fine")),
      "-",
    ]);
  return [
    "## The distilled model at growing sizes",
    "",
    "The claim of the paper's Fig. 3 is that a distilled model loses structure when it is run directly at larger sizes.",
    "",
    ...table(["how", "rows", "structure", "fine", "seconds a clip"], rows),
    "",
  ];
}

function probe({ probe, about, columns, rows }: ProbeLine): string[] {
  const body = rows.map(([level, ...values]) => [String(level), ...values.map((value) => value.toFixed(2))]);
  return [`## Probe: ${probe}`, "", `${about}.`, "", ...table(["t", ...columns], body), ""];
}
