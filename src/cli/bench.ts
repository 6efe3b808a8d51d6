import { readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type Command, Option } from "commander";
import { InputError } from "../base/errors.ts";
import { type BenchRequest, bench, benchCases, type CaseResult } from "../platform/node/bench/bench.ts";
import { type EfficiencyRequest, efficiency } from "../platform/node/bench/efficiency.ts";
import { efficiencyTables } from "../platform/node/bench/efficiency-tables.ts";
import { makeFolder } from "../platform/node/files/make-folder.ts";
import { devices } from "../schema/request.ts";
import { quantity } from "../tensor/print.ts";
import { numberFor, parseList } from "./numbers.ts";
import type { Terminal } from "./terminal.ts";

/** What is used of a terminal. */
type Printer = Pick<Terminal, "out" | "note" | "signal">;

const counts = { least: 1, most: 10_000, whole: true } as const;
const sizes = { least: 1, most: 1_000_000, whole: true } as const;

interface Flags {
  readonly case?: string[];
  readonly shape?: number[];
  readonly config?: string;
  readonly tiny?: boolean;
  readonly rounds: number;
  readonly reps: number;
  readonly threads?: number;
  readonly device?: BenchRequest["device"];
  readonly precision?: "f32" | "f16";
  readonly against?: ("python" | "onnxruntime")[];
  readonly python?: string;
  readonly output?: string;
  readonly json?: boolean;
}

/** Unlike `generate`'s it is the CPU where nothing is said, so that figures compare. */
const timedDevice = () => new Option("--device <device>", "what computes (default: cpu)").choices([...devices]);

/** `turbo2k bench`. */
export function addBench(program: Command, terminal: Printer): void {
  const command = program
    .command("bench")
    .enablePositionalOptions()
    .description("time products, attention, convolutions, an LTX layer, its autoencoder and training steps")
    .option("--case <name...>", `which (default: all): ${benchCases.map(({ name }) => name).join(", ")}`)
    .option("--shape <sizes>", "other sizes for one case", (text) => parseList(text, "--shape", sizes))
    .option("--config <file>", "other settings for one case: a module's config.json as diffusers writes it")
    .option("--rounds <n>", "rounds, ours and PyTorch's in turn", numberFor("--rounds", counts), 3)
    .option("--reps <n>", "runs that count in each round", numberFor("--reps", counts), 3)
    .option("--threads <n>", "threads (default: all)", numberFor("--threads", counts))
    .addOption(timedDevice())
    .addOption(
      new Option("--precision <type>", "on a GPU: f16 storage, and matrix units where it has them").choices([
        "f32",
        "f16",
      ]),
    )
    .addOption(
      new Option("--against <what...>", "compare in the same run: PyTorch, ONNX Runtime's WebGPU provider").choices([
        "python",
        "onnxruntime",
      ]),
    )
    .option("--python <path>", "interpreter of an environment with tools/parity/requirements.txt")
    .option("--tiny", "the smallest sizes, to see that everything runs")
    .option("-o, --output <file>", "write the figures here too")
    .option("--json", "print one JSON object on stdout")
    .action((flags: Flags) => run(flags, terminal));
  addEfficiency(command, terminal);
}

interface EfficiencyFlags extends EfficiencyRequest {
  readonly output?: string;
  readonly json?: boolean;
}

/** `turbo2k bench efficiency`. */
function addEfficiency(command: Command, terminal: Printer): void {
  command
    .command("efficiency")
    .description("seconds of a denoising step at 2560x1440 for large models, extrapolated from layers that fit")
    .option("--reps <n>", "runs that count of each size", numberFor("--reps", counts), 2)
    .option("--threads <n>", "threads (default: all)", numberFor("--threads", counts))
    .addOption(timedDevice())
    .addOption(
      new Option("--clock <clock>", "count the processor's time of one thread instead").choices(["wall", "cpu"]),
    )
    .option("--python <path>", "compare with PyTorch: interpreter of an environment with tools/parity/requirements.txt")
    .option("--tiny", "the smallest sizes, to see that everything runs")
    .option("-o, --output <file>", "write the figures here too")
    .option("--json", "print one JSON object on stdout")
    .action(async ({ output, json, ...request }: EfficiencyFlags) => {
      for await (const event of efficiency(request, terminal.signal)) {
        if (event.type === "result") {
          terminal.note(line(event.result));
          continue;
        }
        const text = JSON.stringify(event.report, null, 2);
        if (output) await write(output, text, terminal);
        terminal.out(json ? text : efficiencyTables(event.report));
      }
    });
}

async function run(
  { against, python, case: cases, output, json, config, ...rest }: Flags,
  terminal: Printer,
): Promise<void> {
  if (against?.includes("python") && !python)
    throw new InputError("--against python needs --python PATH", {
      hint: "see tools/parity/README.md for the environment",
    });
  const request: BenchRequest = {
    ...rest,
    ...(cases ? { cases: cases.flatMap((name) => name.split(",")) } : {}),
    ...(config ? { config: await readConfig(config) } : {}),
    ...(against?.includes("python") ? { python } : {}),
    onnxruntime: against?.includes("onnxruntime") ?? false,
  };
  for await (const event of bench(request, terminal.signal)) {
    if (event.type === "result") {
      if (json) terminal.note(line(event.result));
      else terminal.out(line(event.result));
      continue;
    }
    const text = JSON.stringify(event.report, null, 2);
    if (output) await write(output, text, terminal);
    if (json) terminal.out(text);
  }
}

async function write(file: string, text: string, terminal: Printer): Promise<void> {
  await makeFolder(dirname(file));
  await writeFile(file, `${text}\n`);
  terminal.note(`figures: ${file}`);
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
  } catch (cause) {
    throw new InputError(`no settings: ${(cause as Error).message}`, { where: path, cause });
  }
}

const time = (seconds: number): string =>
  seconds < 1 ? `${(seconds * 1000).toPrecision(3)} ms` : `${seconds.toPrecision(3)} s`;
const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** One case as a line of text. */
function line({ case: name, shape, seconds, hostSeconds, gflopsPerSecond, ...rest }: CaseResult): string {
  const { python, ratio, onnxruntime } = rest;
  const own = `${time(seconds.median)} (spread ${percent(seconds.spread)}, n ${seconds.n})`;
  const parts = [name, shape.join(), own, quantity(gflopsPerSecond * 1e9, "FLOP/s")];
  if (hostSeconds) parts.push(`with transfers ${time(hostSeconds.median)}`);
  if (onnxruntime)
    parts.push(
      "failure" in onnxruntime
        ? `ONNX Runtime's WebGPU: ${onnxruntime.failure.split("\n")[0]}`
        : `ONNX Runtime's WebGPU with transfers ${time(onnxruntime.hostSeconds.median)}`,
    );
  if (python && ratio) {
    const rounds = [Math.min(...ratio.rounds), Math.max(...ratio.rounds)].map((x) => x.toFixed(2)).join(" to ");
    parts.push(`PyTorch ${time(python.seconds.median)} (spread ${percent(python.seconds.spread)})`);
    parts.push(`ratio ${ratio.median.toFixed(2)} (rounds ${rounds})`);
  }
  return parts.join("  ");
}
