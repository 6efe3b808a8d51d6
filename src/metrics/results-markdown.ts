/** Every figure in an evaluation's results as a Markdown table, under its name there, with its interval and how many it is of. */
import type { Estimate } from "./interval.ts";
import { shortNumber } from "./report.ts";
import type { Share } from "./wilson.ts";
import type { Loss } from "./world.ts";

type Figure = Share | Estimate | Loss;

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isFigure = (value: object): value is Figure =>
  "low" in value && "high" in value && ("rate" in value || "points" in value || "value" in value);

/** Figures at any depth, by the names that lead to them; lists, which are of single clips, are left out. */
function* figuresOf(results: object, path: readonly string[] = []): Generator<[name: string, Figure]> {
  for (const [key, value] of Object.entries(results)) {
    if (!isObject(value)) continue;
    const names = [...path, key];
    if (isFigure(value)) yield [names.join("."), value];
    else yield* figuresOf(value, names);
  }
}

/** Shares in percent, losses in percentage points, means in what they are of. */
function cellsOf(figure: Figure): [value: string, interval: string, n: number] {
  const { low, high } = figure;
  const percent = (share: number) => (100 * share).toFixed(1);
  if ("rate" in figure)
    return [`${percent(figure.rate)} %`, `${percent(figure.low)} to ${percent(figure.high)}`, figure.asked];
  const value = "points" in figure ? figure.points : figure.value;
  const interval = low === null || high === null ? "-" : `${shortNumber(low)} to ${shortNumber(high)}`;
  return [shortNumber(value) + ("points" in figure ? " points" : ""), interval, figure.n];
}

/** `undefined` where there are no figures; what is neither figure nor list stands below the table. */
export function resultsMarkdown(results: object): string | undefined {
  const rows = [...figuresOf(results)].map(([name, figure]) => [name, ...cellsOf(figure)] as const);
  if (!rows.length) return undefined;
  const settings = Object.entries(results).filter(
    ([, value]) => !Array.isArray(value) && !(isObject(value) && (isFigure(value) || !figuresOf(value).next().done)),
  );
  return [
    "# Results",
    "",
    "| figure | value | 95 % interval | n |",
    "|---|---|---|---|",
    ...rows.filter(([, , , n]) => n > 0).map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...settings.map(([name, value]) => `- ${name}: ${JSON.stringify(value)}`),
    "",
  ].join("\n");
}
