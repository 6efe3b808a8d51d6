/** What an evaluation found, as JSON and as a Markdown table: each number with what it is, how many it is of, and its interval. */
import { type Estimate, estimate } from "./interval.ts";

/**
 * `exact`: every step as published, the network included. `proxy`: another network in its place. `wf`: no weights at all;
 * a stand-in of our own, never to be averaged with official values or shown under their names.
 */
export type Conformance = "exact" | "proxy" | "wf";

export interface MetricInfo {
  readonly conformance: Conformance;
  readonly better: "higher" | "lower" | "neither";
  /** One line: what it is, on which input. */
  readonly about: string;
  readonly version: number;
  /** SHA-256 of the weights it was computed with. */
  readonly weights: string | null;
}

export interface Row extends Estimate, MetricInfo {
  readonly metric: string;
}

export interface VideoFigures {
  readonly file: string;
  readonly figures: Readonly<Record<string, number>>;
}

export interface Report {
  readonly rows: readonly Row[];
  readonly videos: readonly VideoFigures[];
  /** What was asked for and is not there, and why. */
  readonly absent: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Means over videos of every figure that at least one of them has; a metric that `infoOf` does not know is a mistake. */
export function summarise(videos: readonly VideoFigures[], infoOf: (metric: string) => MetricInfo): Row[] {
  const metrics = [...new Set(videos.flatMap(({ figures }) => Object.keys(figures)))];
  return metrics.map((metric) => {
    const values = videos.flatMap(({ figures }) => figures[metric] ?? []).filter(Number.isFinite);
    return { metric, ...estimate(values), ...infoOf(metric) };
  });
}

/** Six significant digits are more than any of these means. */
export const shortNumber = (value: number): string => Number(value.toPrecision(6)).toString();

export function markdown({ rows, videos, absent, settings }: Report): string {
  const interval = ({ low, high }: Row) => (low === null ? "-" : `${shortNumber(low)} to ${shortNumber(high!)}`);
  const arrow = { higher: "higher", lower: "lower", neither: "-" } as const;
  const lines = [
    `# Evaluation of ${videos.length} video${videos.length === 1 ? "" : "s"}`,
    "",
    "| metric | value | 95 % interval | n | better | kind | what |",
    "|---|---|---|---|---|---|---|",
    ...rows.map(
      (row) =>
        `| ${row.metric} | ${shortNumber(row.value)} | ${interval(row)} | ${row.n} | ${arrow[row.better]} | ${row.conformance} | ${row.about} |`,
    ),
  ];
  const missing = Object.entries(absent).map(([metric, reason]) => `- ${metric}: ${reason}`);
  if (missing.length) lines.push("", "Not measured:", "", ...missing);
  lines.push(
    "",
    "Settings:",
    "",
    ...Object.entries(settings).map(([name, value]) => `- ${name}: ${JSON.stringify(value)}`),
  );
  return `${lines.join("\n")}\n`;
}
