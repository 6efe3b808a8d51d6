import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { CancelledError, InputError } from "../base/errors.ts";
import { openPrompts } from "../pipelines/hunyuan-text.ts";
import { openDevice } from "../platform/node/devices/open-device.ts";
import { writeEmbeddings } from "../platform/node/models/embeddings.ts";
import { openTeacher } from "../platform/node/models/teacher-folder.ts";
import { drawnCaptions } from "../platform/node/training/drawn-captions.ts";
import { readRecipe } from "../platform/node/training/run.ts";
import type { GenerateRequest } from "../schema/request.ts";
import { addDevice } from "./request.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly model?: string;
  readonly output: string;
  readonly list?: boolean;
  readonly device?: GenerateRequest["device"];
}

/** `turbo2k embed SOURCE`: the text side of a teacher, once and for all. */
export function addEmbed(program: Command, terminal: Terminal): void {
  const command = program
    .command("embed")
    .argument("<source>", "prompts, one a line (.txt), or a distillation's recipe (.yaml): every caption that it draws")
    .description("write text embeddings that training can read in place of text encoders")
    .option("--model <folder>", "the teacher whose encoders are used (default: the recipe's)")
    .option("-o, --output <file>", "where they go", "embeddings.safetensors")
    .option("--list", "print the prompts only, to embed them elsewhere");
  addDevice(command).action(async (source: string, { model, output, list, device }: Flags) => {
    const { prompts, teacher } = await promptsOf(source, terminal);
    if (list) return terminal.out(prompts.join("\n"));
    const folder = model ?? teacher;
    if (!folder) throw new InputError("whose text encoders?", { hint: "--model FOLDER names a teacher" });
    const opened = await openTeacher(folder);
    const { runtime } = await openDevice(device);
    const { encode, dispose } = openPrompts(opened, runtime);
    try {
      const check = () => {
        if (terminal.signal.aborted) throw new CancelledError();
      };
      const report = (done: number, count: number) => terminal.progress("prompts", done, count);
      const count = await writeEmbeddings(output, prompts, encode, { model: opened.hash, check, report });
      terminal.out(`${output}: ${count} prompts`);
    } finally {
      dispose();
      await opened.close();
    }
  });
}

async function promptsOf(source: string, terminal: Terminal): Promise<{ prompts: string[]; teacher?: string }> {
  if (/\.ya?ml$/.test(source)) {
    const recipe = await readRecipe(source);
    const base = dirname(resolve(source));
    const options = { base, cache: join("runs", "latents"), note: (text: string) => terminal.note(text) };
    const prompts = await drawnCaptions(recipe, options);
    return { prompts, ...(recipe.kind === "distill" && { teacher: resolve(base, recipe.teacher) }) };
  }
  const text = await readFile(source, "utf8").catch((cause: unknown) => {
    throw new InputError("the prompts cannot be read", { where: source, cause, hint: "a .txt with one prompt a line" });
  });
  const prompts = text.split(/\r?\n/).filter((line) => line.trim());
  if (!prompts.length) throw new InputError("there are no prompts in it", { where: source });
  return { prompts: ["", ...prompts] };
}
