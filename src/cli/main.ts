#!/usr/bin/env node
import { isMainThread, parentPort } from "node:worker_threads";
import { Screen } from "./screen.ts";
import { remoteTerminal, supervise } from "./thread.ts";

if (isMainThread) {
  // A reader that has seen enough (`turbo2k … | head`) is no failure.
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit();
      throw error;
    });
  process.exitCode = await supervise(new URL(import.meta.url), process.argv.slice(2), new Screen());
} else {
  const { main } = await import("./program.ts");
  const terminal = remoteTerminal(parentPort!);
  terminal.exit(await main(process.argv.slice(2), terminal));
}
