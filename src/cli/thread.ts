/**
 * Commands run on a thread of their own, because ONNX Runtime computes on the thread that calls it: the first thread
 * stays free for Ctrl-C and the screen however long a step takes.
 */
import { rmSync } from "node:fs";
import { type MessagePort, Worker } from "node:worker_threads";
import { stagingFolders } from "../platform/node/video/staging.ts";
import type { Screen } from "./screen.ts";
import { report, type Terminal } from "./terminal.ts";

/** What the command's thread tells the first: a call of the screen, with the folders that a kill would leave behind. */
type Message = { readonly staging: readonly string[] } & (
  | { readonly call: "out" | "note"; readonly args: [string] }
  | { readonly call: "progress"; readonly args: Parameters<Terminal["progress"]> }
  | { readonly call: "exit"; readonly args: [number] }
);

/** The terminal as the command's thread sees it. */
export function remoteTerminal(port: MessagePort): Terminal & { exit(code: number): void } {
  const stop = new AbortController();
  port.on("message", () => stop.abort());
  port.unref();
  const send = (call: Message["call"], args: unknown[]) =>
    port.postMessage({ call, args, staging: stagingFolders() } as Message);
  return {
    out: (text) => send("out", [text]),
    note: (text) => send("note", [text]),
    progress: (...args) => send("progress", args),
    exit: (code) => send("exit", [code]),
    signal: stop.signal,
  };
}

/**
 * Stack of the command's thread. ONNX Runtime matches a regular expression against the process's command line by
 * recursion, some 300 bytes deeper for each byte of it: Node's 4 MB end at a prompt of 30,000 characters.
 */
const stackFor = (argv: readonly string[]) => ({
  stackSizeMb: 4 + Math.ceil(Buffer.byteLength(argv.join(" ")) / 2048),
});

/** Runs a command line on a thread that starts with `entry`; answers the exit code. */
export async function supervise(entry: URL, argv: readonly string[], screen: Screen): Promise<number> {
  const worker = new Worker(entry, { argv: [...argv], resourceLimits: stackFor(argv) });
  let code = 1;
  let staging: readonly string[] = [];
  worker.on("message", (message: Message) => {
    staging = message.staging;
    if (message.call === "exit") [code] = message.args;
    else if (message.call === "progress") screen.progress(...message.args);
    else screen[message.call](...message.args);
  });
  const release = onInterrupt({
    first() {
      screen.note("\nstopping after this step; once more to stop at once");
      worker.postMessage("stop");
    },
    second(signal) {
      screen.end();
      for (const folder of staging) rmSync(folder, { recursive: true, force: true });
      release();
      process.kill(process.pid, signal);
    },
  });
  await new Promise<void>((resolve) => {
    worker.once("exit", () => resolve());
    worker.once("error", (cause) => (code = report(cause, screen)));
  });
  release();
  screen.end();
  return code;
}

/** Handles Ctrl-C and its kin; answers how to stop handling them. */
function onInterrupt(calls: { first(): void; second(signal: NodeJS.Signals): void }): () => void {
  let since: number | undefined;
  const handle = (signal: NodeJS.Signals) => {
    if (since === undefined) {
      since = performance.now();
      calls.first();
    } else if (performance.now() - since > 500) calls.second(signal); // npx passes on what its child has had already
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, handle);
  return () => {
    for (const signal of signals) process.off(signal, handle);
  };
}
