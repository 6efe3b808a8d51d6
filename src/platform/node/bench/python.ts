/** PyTorch's side of a comparison: tools/parity/bench.py in a virtual environment that somebody made. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { InputError, UnsupportedError } from "../../../base/errors.ts";
import { isThere } from "../files/is-there.ts";
import { packageRoot } from "../generate/package-root.ts";
import type { Clock } from "./measure.ts";

export interface PythonRun {
  readonly name: string;
  readonly shape: readonly number[];
  readonly config: Record<string, unknown> | undefined;
  readonly reps: number;
  readonly warmup: number;
  readonly threads: number;
  readonly clock: Clock;
  /** Compare with a GPU where there is one: then in bf16, compiled. */
  readonly isGpu: boolean;
}

export interface PythonResult {
  readonly seconds: { readonly all: readonly number[] };
  readonly torch: string;
  readonly dtype: string;
  readonly device: string;
  readonly peak_bytes: number;
}

const script = join(packageRoot, "tools", "parity", "bench.py");

/** Times a case in PyTorch. @throws InputError where `python` cannot run it, with what it said */
export async function timePython(
  python: string,
  { name, shape, config, reps, warmup, threads, clock, isGpu }: PythonRun,
  signal?: AbortSignal,
): Promise<PythonResult> {
  if (!(await isThere(script)))
    throw new UnsupportedError("PyTorch is compared with from a checkout: this installation lacks tools/parity", {
      where: script,
    });
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-bench-"));
  try {
    const file = join(folder, "config.json");
    if (config) await writeFile(file, JSON.stringify(config));
    const counts = Object.entries({ shape: shape.join(), reps, warmup, threads, clock });
    const flags = counts.flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    const command = [
      script,
      "--case",
      name,
      ...flags,
      ...(config ? ["--config", file] : []),
      ...(isGpu ? ["--gpu"] : []),
    ];
    const { stdout } = await promisify(execFile)(python, command, { signal, maxBuffer: 2 ** 24 });
    return JSON.parse(stdout.slice(stdout.indexOf("{"))) as PythonResult;
  } catch (cause) {
    signal?.throwIfAborted();
    const { stderr, message } = cause as { stderr?: string; message: string };
    throw new InputError(`PyTorch could not run ${name}: ${stderr?.trim().split("\n").at(-1) || message}`, {
      where: python,
      cause,
      hint: "--python takes the interpreter of an environment with tools/parity/requirements.txt",
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
