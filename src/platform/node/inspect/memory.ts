import { readFileSync } from "node:fs";
import { freemem } from "node:os";

/** Bytes that this process can still get: what the machine has, or its container allows. */
export function freeMemory(): number {
  // A container counts cached files as used, though they give way.
  return Math.min(freemem(), process.availableMemory() + cachedFiles());
}

/** Files that a Linux container holds in memory and can drop; 0 where there is no limit to count against. */
function cachedFiles(): number {
  for (const path of ["/sys/fs/cgroup/memory.stat", "/sys/fs/cgroup/memory/memory.stat"]) {
    try {
      return Number(/^(?:total_)?inactive_file (\d+)$/m.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
    } catch {
      // The other version of control groups, or none.
    }
  }
  return 0;
}
