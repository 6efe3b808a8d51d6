#!/usr/bin/env node
import { main } from "./program.ts";
import { processTerminal } from "./terminal.ts";

const stop = new AbortController();
let stopped = 0;
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.on(name, () => {
    if (!stopped) {
      stopped = performance.now();
      stop.abort();
      process.stderr.write("\nstopping after this step; once more to stop at once\n");
    } else if (performance.now() - stopped > 500) {
      // npx passes on what its child has had from the terminal already: that is no second Ctrl-C.
      process.emit("exit", 130); // removes half-written files
      process.removeAllListeners(name);
      process.kill(process.pid, name);
    }
  });

// A reader that has seen enough (`turbo2k … | head`) is no failure.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit();
    throw error;
  });

process.exitCode = await main(process.argv.slice(2), processTerminal(stop.signal));
