import { spawn } from "node:child_process";
import { type Command, Option } from "commander";
import { defaultModel, modelPath } from "../platform/node/generate/package-root.ts";
import { builtPage, exportStudio } from "../platform/node/studio/page.ts";
import { defaultPort, serveStudio } from "../platform/node/studio/serve.ts";
import { numberFor } from "./numbers.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly port?: number;
  readonly open: boolean;
  readonly model: string;
  readonly export?: string;
}

/** `turbo2k studio`. */
export function addStudio(program: Command, terminal: Terminal): void {
  const port = numberFor("--port", { least: 0, most: 65535, whole: true });
  program
    .command("studio")
    .description("make videos in a page of the browser; everything is computed there")
    .addOption(
      new Option("--port <n>", `where to serve (default: ${defaultPort}, or the next free port)`).argParser(port),
    )
    .option("--no-open", "do not open the browser")
    .option("--model <model>", "mini, or a folder in the diffusers layout", defaultModel)
    .option("--export <folder>", "write page and model into a new folder, for any static host, and stop")
    .action(async (flags: Flags) => {
      const folders = { page: await builtPage(), model: await modelPath(flags.model) };
      if (flags.export !== undefined) {
        await exportStudio(folders, flags.export);
        return terminal.out(flags.export);
      }
      const { url, close } = await serveStudio(folders, flags);
      terminal.out(url);
      terminal.note("Ctrl-C stops serving");
      if (flags.open) openBrowser(url);
      await new Promise<void>((resolve) => {
        if (terminal.signal.aborted) resolve();
        else terminal.signal.addEventListener("abort", () => resolve());
      });
      await close();
    });
}

/** Without a browser to open, the address on the screen has to do. */
function openBrowser(url: string): void {
  const [command, ...args] = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] }[process.platform as string] ?? [
    "xdg-open",
  ];
  const child = spawn(command!, [...args, url], { stdio: "ignore", detached: true });
  child.on("error", () => {});
  child.unref();
}
