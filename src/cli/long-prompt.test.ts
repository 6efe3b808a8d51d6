/** The longest prompt that Linux hands to a command: one argument has at most 128 KiB. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildCommand, openBench } from "./testing.ts";

let bench: Awaited<ReturnType<typeof openBench>>;
let command: Awaited<ReturnType<typeof buildCommand>>;
beforeAll(async () => {
  [bench, command] = await Promise.all([openBench(), buildCommand("long-prompt")]);
});
afterAll(() => Promise.all([bench.close(), command.close()]));

test("a prompt of 128 KiB makes a video, and its end is said to be left out", async () => {
  const prompt = "a cube ".repeat(18_000);
  const argv = ["generate", prompt, "--model", bench.model, "-o", join(bench.folder, "long.mp4")];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [command.main, ...argv]);
  expect(stdout).toContain("long.mp4");
  expect(stderr).toContain("its end is left out");
}, 60_000);
