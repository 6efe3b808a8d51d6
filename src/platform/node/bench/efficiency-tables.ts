/** An efficiency report as Markdown: what docs/efficiency.md shows. */
import { table2 } from "../../../metrics/efficiency.ts";
import type { Estimate } from "../../../metrics/interval.ts";
import type { EfficiencyReport } from "./efficiency.ts";
import type { ModelFigures } from "./efficiency-figures.ts";

const digits = (value: number): string =>
  value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
const tera = (flops: number): string => digits(flops / 1e12);
const giga = (bytes: number): string => (bytes / 1e9).toFixed(1);
const range = ({ value, low, high }: Estimate): string =>
  low === null || high === null ? digits(value) : `${digits(value)} (${digits(low)} to ${digits(high)})`;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}

/** The paper's seconds on an A100 for these models. */
const paper: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  "CogVideoX-2B": table2["CogVideoX-2B"],
  HunyuanVideo: table2["HunyuanVideo-13B"],
  Turbo2K: table2["Turbo2K-4B"],
};

/** Seconds of the paper, or what it says instead. */
const printed = (model: string, frames: number): string => paper[model]?.[frames]?.toString() ?? "out of memory";

const stepRows = (models: readonly ModelFigures[]) =>
  models.flatMap(({ model, standIn, steps }) =>
    steps.map(({ frames, tokens, flops, seconds, gflopsPerSecond, plannedBytes }) => [
      `${model}${standIn ? "-like" : " (4B)"}`,
      String(frames),
      tokens.toLocaleString("en-US"),
      tera(flops),
      range(seconds),
      digits(gflopsPerSecond),
      giga(plannedBytes),
      printed(model, frames),
    ]),
  );

const layerRows = (models: readonly ModelFigures[]) =>
  models.flatMap(({ model, measured, check }) => [
    ...measured.map(({ tokens, seconds, gflopsPerSecond, python, ratio }) => [
      model,
      tokens.toLocaleString("en-US"),
      digits(seconds.median),
      digits(gflopsPerSecond),
      python && ratio ? `${digits(python.seconds.median)} (${ratio.median.toFixed(2)})` : "",
      "",
    ]),
    [
      model,
      check.tokens.toLocaleString("en-US"),
      digits(check.seconds),
      "",
      "",
      `${range(check.predicted)}, ${check.error < 0 ? "" : "+"}${(100 * check.error).toFixed(0)} %`,
    ],
  ]);

/** The paper's seconds over those of Turbo2K, where it has both. */
function printedRatio(of: string, frames: number): string {
  const [one, own] = [paper[of]?.[frames], paper["Turbo2K"]![frames]];
  return one && own ? (one / own).toFixed(1) : "";
}

export function efficiencyTables({ device, models, ratios, pipelines }: EfficiencyReport): string {
  const direct = (frames: number) => pipelines.find((one) => one.way === "direct" && one.frames === frames)!;
  return [
    `Seconds of one forward pass at 2560x1440 on ${device}: extrapolated, not measured.`,
    table(
      [
        "model",
        "frames",
        "tokens",
        "TFLOP",
        "seconds, extrapolated (95 %)",
        "GFLOP/s",
        "planned GB, f32",
        "paper's s/step, A100",
      ],
      stepRows(models),
    ),
    "Layers as measured, in seconds; the last line of each is the size that checks the fit.",
    table(
      ["layer of", "tokens", "seconds", "GFLOP/s", "PyTorch (ours over it)", "the fit said, its error"],
      layerRows(models),
    ),
    "How much longer than Turbo2K's second stage.",
    table(
      ["step of", "frames", "operations", "seconds, extrapolated", "paper"],
      ratios.map(({ of, frames, analytic, extrapolated }) => [
        of,
        String(frames),
        analytic.toFixed(1),
        extrapolated.toFixed(1),
        printedRatio(of, frames),
      ]),
    ),
    "Whole ways to a video, in as many steps with guidance (two forward passes a step); hours are extrapolated.",
    table(
      ["way", "frames", "PFLOP", "hours", "over direct", "PFLOP by stage"],
      pipelines.map(({ way, frames, stages, flops, seconds }) => [
        way,
        String(frames),
        digits(flops / 1e15),
        digits(seconds / 3600),
        (seconds / direct(frames).seconds).toFixed(3),
        stages.map((stage) => `${stage.name} ${digits(stage.flops / 1e15)}`).join(", "),
      ]),
    ),
  ].join("\n\n");
}
