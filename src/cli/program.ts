/** `turbo2k`: all commands, and one way to say what went wrong. */
import { Command, CommanderError } from "commander";
import { exitCodes, InputError } from "../base/errors.ts";
import { version } from "../platform/node/generate/package-root.ts";
import { addDecode } from "./decode.ts";
import { addGenerate } from "./generate.ts";
import { addProbe } from "./probe.ts";
import { addReplay } from "./replay.ts";
import { report, type Terminal } from "./terminal.ts";
import { addTrain } from "./train.ts";

const examples = `
Examples:
  turbo2k generate "a red ball moves left on checkered ground"
  turbo2k generate "a blue cube spins at sunset" --size 720p --seconds 3 --seed 7 -o cube.mp4
  turbo2k replay cube.mp4

Exit codes: 0 done, 1 failure, 2 usage, 3 model files, 4 unsupported here, 5 does not fit, 130 cancelled.`;

/** Runs a command line (without node and script) and answers its exit code. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await programFor(terminal).parseAsync(kebab(argv), { from: "user" });
    return 0;
  } catch (cause) {
    if (!(cause instanceof CommanderError)) return report(cause, terminal);
    if (cause.exitCode === 0) return 0; // help and version have been printed
    return report(usageError(cause), terminal);
  }
}

export function programFor(terminal: Terminal): Command {
  const program = new Command("turbo2k")
    .description("text to 2K video on your own machine")
    .version(version)
    .showHelpAfterError(false)
    .configureHelp({ helpWidth: 110, showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: () => {}, // comes back as an error with a code of ours
    })
    .exitOverride()
    .addHelpText("after", examples);
  for (const add of [addGenerate, addDecode, addReplay, addProbe, addTrain]) add(program, terminal);
  return program;
}

/** `--num_frames=9` to `--num-frames=9`; what follows `--` is left alone. */
export function kebab(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((text, index) =>
    end >= 0 && index > end ? text : text.replace(/^--[a-z][\w-]*/i, (flag) => flag.replaceAll("_", "-")),
  );
}

/** Commander's messages in the form of all others. */
function usageError({ code, message }: CommanderError): InputError {
  const [first = "", ...rest] = message.replace(/^error: /, "").split("\n");
  const nearest = /\(Did you mean (.*)\?\)/.exec(rest.join(" "))?.[1];
  if (code === "commander.help") return new InputError("no command given", { hint: "turbo2k --help lists them" });
  const hints: Record<string, string> = {
    "commander.excessArguments": 'put the prompt in quotes: turbo2k generate "a red ball moves left"',
  };
  const hint = nearest ? `did you mean ${nearest}?` : (hints[code] ?? "turbo2k --help, or turbo2k COMMAND --help");
  return new InputError(first, { hint });
}

export const usageCode = exitCodes.usage;
