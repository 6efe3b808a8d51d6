/** `turbo2k`: all commands, and one way to say what went wrong. */
import { Command, CommanderError } from "commander";
import { InputError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import { addBench } from "./bench.ts";
import { addDecode } from "./decode.ts";
import { addDoctor } from "./doctor.ts";
import { addEmbed } from "./embed.ts";
import { addEval } from "./eval.ts";
import { addFeatures } from "./features.ts";
import { addGenerate } from "./generate.ts";
import { addInfo } from "./info.ts";
import { nearest } from "./nearest.ts";
import { addPlan } from "./plan.ts";
import { addProbe } from "./probe.ts";
import { addPull } from "./pull.ts";
import { addReplay } from "./replay.ts";
import { addStudio } from "./studio.ts";
import { addStudy } from "./study.ts";
import { report, type Terminal } from "./terminal.ts";
import { addTrain } from "./train.ts";
import { addWorld } from "./world.ts";

const examples = `
Examples:
  turbo2k generate "a red ball moves left on checkered ground"
  turbo2k generate "a blue cube spins at sunset" --size 720p --seconds 3 --seed 7 -o cube.mp4
  turbo2k replay cube.mp4

Exit codes: 0 done, 1 failure, 2 usage, 3 model files, 4 unsupported here, 5 does not fit, 130 cancelled.`;

/** Runs a command line (without node and script) and answers its exit code. */
export async function main(argv: readonly string[], terminal: Terminal): Promise<number> {
  const program = programFor(terminal);
  const words = kebab(argv);
  try {
    await program.parseAsync(words, { from: "user" });
    return 0;
  } catch (cause) {
    if (!(cause instanceof CommanderError)) return report(cause, terminal);
    if (cause.exitCode === 0) return 0; // help and version have been printed
    return report(usageError(cause, commandOf(program, words)), terminal);
  }
}

export function programFor(terminal: Terminal): Command {
  const program = new Command("turbo2k")
    .description("text to 2K video on your own machine")
    .version(version)
    .showSuggestionAfterError(false)
    .enablePositionalOptions() // what follows `bench efficiency` is its own
    .configureHelp({ helpWidth: 110, showGlobalOptions: false })
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: () => {}, // comes back as an error with a code of ours
    })
    .exitOverride()
    .addHelpText("after", examples);
  for (const add of [
    addGenerate,
    addDecode,
    addReplay,
    addPlan,
    addInfo,
    addStudio,
    addPull,
    addDoctor,
    addTrain,
    addEmbed,
    addFeatures,
    addStudy,
    addEval,
    addBench,
    addWorld,
    addProbe,
  ])
    add(program, terminal);
  return program;
}

/** `--num_frames=9` to `--num-frames=9`; what follows `--` is left alone. */
export function kebab(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.map((text, index) =>
    end >= 0 && index > end ? text : text.replace(/^--[a-z][\w-]*/i, (flag) => flag.replaceAll("_", "-")),
  );
}

/** The command that a line is about: `eval world` of `eval world --promts 3`. */
function commandOf(program: Command, words: readonly string[]): Command {
  let command = program;
  for (const word of words) {
    const next = command.commands.find((candidate) => candidate.name() === word);
    if (!next) break;
    command = next;
  }
  return command;
}

/** What stands after `turbo2k` on the command line: ` eval vae`. */
const pathOf = (command: Command): string => (command.parent ? `${pathOf(command.parent)} ${command.name()}` : "");

/** Commander's messages in the form of all others. */
function usageError({ code, message }: CommanderError, command: Command): InputError {
  const [first = ""] = message.replace(/^error: /, "").split("\n");
  const name = pathOf(command);
  if (code === "commander.help")
    return new InputError(`no command given after turbo2k${name}`, { hint: `turbo2k${name} --help lists them` });
  const word = /'([^']*)'/.exec(first)?.[1] ?? "";
  const candidates = {
    "commander.unknownOption": command.options.flatMap(({ long }) => long ?? []),
    "commander.unknownCommand": command.commands.map((candidate) => candidate.name()),
  }[code];
  const meant = nearest(word, candidates ?? []);
  if (meant) return new InputError(first, { hint: `did you mean ${meant}?` });
  const isPrompt = code === "commander.excessArguments" && command.name() === "generate";
  const hint = isPrompt
    ? 'put the prompt in quotes: "a red ball moves left"'
    : `turbo2k${name} --help shows what there is`;
  return new InputError(first, { hint });
}
