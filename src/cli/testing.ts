/** Commands run within a test. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageRoot } from "../platform/node/generate/package-root.ts";
import { saveTinyModel } from "../platform/node/generate/testing.ts";
import { main } from "./program.ts";

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command line; `onNote` hears each line that goes to stderr. */
export async function run(
  argv: readonly string[],
  { signal = new AbortController().signal, onNote = (_: string) => {} } = {},
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await main(argv, {
    out: (text) => void out.push(text),
    note: (text) => {
      err.push(text);
      onNote(text);
    },
    progress: (stage, done, of) => onNote(`${stage} ${done}/${of}`),
    signal,
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}

/** A folder for a test file's outputs, with a tiny model in it. */
export async function openBench(): Promise<{ folder: string; model: string; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "turbo2k-cli-"));
  const model = join(folder, "tiny");
  await saveTinyModel(model);
  return { folder, model, close: () => rm(folder, { recursive: true, force: true }) };
}

/** The command as people run it: built, for processes of their own. */
export async function buildCommand(name: string): Promise<{ main: string; close(): Promise<void> }> {
  const built = join(packageRoot, "node_modules", ".cache", `turbo2k-${name}-${process.pid}`);
  await mkdir(built, { recursive: true });
  await cp(join(packageRoot, "package.json"), join(built, "package.json"));
  const compiler = join(packageRoot, "node_modules", ".bin", "tsc");
  await promisify(execFile)(compiler, ["-p", "tsconfig.build.json", "--outDir", join(built, "dist")], {
    cwd: packageRoot,
  });
  return {
    main: join(built, "dist", "cli", "main.js"),
    close: () => rm(built, { recursive: true, force: true }),
  };
}
