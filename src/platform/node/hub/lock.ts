/**
 * One process at a time for one thing. Node has no file locks of the operating system, so a file that only one can
 * create stands for the lock; its owner touches it every few seconds, and an untouched one counts as left behind. A
 * lock that two hold by bad luck costs a download, never a wrong file: names are taken only by what was checked.
 */
import { open, readFile, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { makeFolder } from "../files/make-folder.ts";

const beat = 5_000;
const leftBehind = 30_000;
const poll = 200;

export interface LockOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called once where another process has it. */
  readonly onWait?: () => void;
}

/** Runs `work` while no other process does. */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  { signal, onWait }: LockOptions = {},
): Promise<T> {
  await makeFolder(dirname(path));
  for (let waited = false; !(await take(path)); waited = true) {
    if (!waited) onWait?.();
    await sleep(poll, undefined, signal ? { signal } : {});
  }
  const touch = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), beat);
  try {
    return await work();
  } finally {
    clearInterval(touch);
    await rm(path, { force: true });
  }
}

/** Whether the lock is ours now. */
async function take(path: string): Promise<boolean> {
  try {
    const handle = await open(path, "wx");
    await handle.writeFile(`${hostname()} ${process.pid}`);
    await handle.close();
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  }
  if (await isLeftBehind(path)) await rm(path, { force: true });
  return false;
}

async function isLeftBehind(path: string): Promise<boolean> {
  const [found, owner] = await Promise.all([stat(path).catch(() => undefined), readFile(path, "utf8").catch(() => "")]);
  if (!found) return false;
  if (Date.now() - found.mtimeMs > leftBehind) return true;
  const [host, pid] = owner.split(" ");
  return host === hostname() && Number(pid) > 0 && !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === "EPERM";
  }
}
