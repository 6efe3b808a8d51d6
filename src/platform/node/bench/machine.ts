/** Where and from what a figure comes. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism, cpus, totalmem } from "node:os";
import { promisify } from "node:util";
import { version } from "../../../base/version.ts";
import { packageRoot } from "../generate/package-root.ts";

export interface Machine {
  readonly cpu: string;
  /** Hardware threads that this process may use. */
  readonly threads: number;
  readonly memoryBytes: number;
  readonly platform: string;
  readonly node: string;
  readonly onnxruntime: string;
}

export function machine(): Machine {
  const require = createRequire(import.meta.url);
  return {
    cpu: cpus()[0]?.model.trim() || "unknown",
    threads: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    onnxruntime: (require("onnxruntime-node/package.json") as { version: string }).version,
  };
}

/** Version and, in a checkout, commit; with a plus where files differ from it. */
export async function source(): Promise<{ version: string; commit?: string }> {
  const git = (...words: string[]) => promisify(execFile)("git", words, { cwd: packageRoot });
  try {
    const commit = (await git("rev-parse", "--short=12", "HEAD")).stdout.trim();
    const changed = (await git("status", "--porcelain", "--untracked-files=no", "--", "src", "tools/parity")).stdout;
    return { version, commit: changed.trim() ? `${commit}+` : commit };
  } catch {
    return { version };
  }
}
