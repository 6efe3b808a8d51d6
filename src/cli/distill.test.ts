import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { openPrompts } from "../pipelines/hunyuan-text.ts";
import { openOrt } from "../platform/node/devices/ort.ts";
import { writeSafetensorsFile } from "../platform/node/files/atomic-file.ts";
import { saveTinyModel } from "../platform/node/generate/testing.ts";
import { openEmbeddings } from "../platform/node/models/embeddings.ts";
import { openTeacher } from "../platform/node/models/teacher-folder.ts";
import { saveTinyTeacher } from "../platform/node/training/testing.ts";
import { readVideo } from "../platform/node/video/read.ts";
import { inFolder } from "../platform/node/video/testing.ts";
import { relativeError } from "../testing/relative-error.ts";
import type { Frame } from "../video/frame.ts";
import { storeFloat32 } from "../weights/safetensors-writer.ts";
import { run as runLine } from "./testing.ts";

const run = (...words: string[]) => runLine(words);

const recipe = {
  kind: "distill",
  name: "tiny",
  seed: 4,
  world: "mini",
  student: "student",
  teacher: "teacher",
  strategy: "synchronised",
  embeddings: "text.safetensors",
  draws: 2,
  captionDropout: 0.2,
  clips: { "64x64x9": 3 },
  timesteps: { uniform: 0.1, shift: 2 },
  preview: { picture: "64x64x9", prompts: 1 },
  stages: [{ steps: 2, buckets: [{ picture: "64x64x9", batch: 2 }] }],
};

test(
  "embed writes what the encoders say, and a distillation reads it",
  () =>
    inFolder(async (home) => {
      await saveTinyModel(join(home, "student"));
      await saveTinyTeacher(join(home, "teacher"));
      const path = join(home, "recipe.yaml");
      await writeFile(path, stringify(recipe));
      const file = join(home, "text.safetensors");

      const listed = await run("embed", path, "--list");
      expect(listed.code).toBe(0);
      expect(listed.out.split("\n").length).toBeGreaterThan(3);
      expect((await run("embed", path, "-o", file)).code).toBe(0);

      const teacher = await openTeacher(join(home, "teacher"));
      const live = openPrompts(teacher, openOrt());
      const sizes = { length: 16, width: 16, pooledWidth: 12 };
      const stored = await openEmbeddings(file, sizes);
      const prompts = listed.out.split("\n").slice(0, 2);
      const [a, b] = [await live.encode(prompts), await stored.encode(prompts)];
      expect(b.mask).toEqual(a.mask);
      expect(relativeError(b.pooled.data, a.pooled.data)).toBeLessThan(1e-3);
      const words = a.states.data.map((value, i) => value * a.mask.data[Math.floor(i / 16)]!);
      expect(relativeError(b.states.data, words)).toBeLessThan(1e-3);
      await expect(stored.encode(["something else"])).rejects.toThrow(/no embedding of "something else"/);
      await expect(openEmbeddings(file, { ...sizes, width: 20 })).rejects.toThrow(/expected states.0 \[words, 20\]/);
      const bare = join(home, "bare.safetensors");
      const none = new Map([
        ["states.0", storeFloat32(new Float32Array(0), [0, 16], "F16")],
        ["pooled.0", storeFloat32(new Float32Array(12), [12], "F16")],
      ]);
      const metadata = { format: "turbo2k-embeddings-1", prompts: JSON.stringify(["a red ball"]) };
      await writeSafetensorsFile(bare, none, { metadata });
      await expect(openEmbeddings(bare, sizes)).rejects.toThrow(/states.0 has no words/);
      await stored.close();
      live.dispose();
      await teacher.close();

      // As published ones, a teacher may come without encoders that can be run here.
      for (const part of ["turbo2k.json", "tokenizer", "text_encoder", "text_encoder_2"])
        await rm(join(home, "teacher", part), { recursive: true });
      const { embeddings: _, ...without } = recipe;
      await writeFile(join(home, "without.yaml"), stringify(without));
      const refused = await run("train", join(home, "without.yaml"), "-o", join(home, "refused"));
      expect(refused.code).toBe(4);
      expect(refused.err).toContain("embeddings made elsewhere");
      const trained = await run("train", path, "-o", join(home, "run"));
      expect(trained.err).toContain("saved at step 2");
      expect(trained.code).toBe(0);
    }),
  180_000,
);

test(
  "features draws maps of both models and measures how alike they are",
  () =>
    inFolder(async (home) => {
      await saveTinyModel(join(home, "student"));
      await saveTinyTeacher(join(home, "teacher"));
      const folder = join(home, "maps");
      const line = [
        ..."features --size 64x64 --frames 9 --clips 2 --sigmas 0.2,0.8 --student-blocks 0".split(" "),
        ...["--teacher", join(home, "teacher"), "--model", join(home, "student"), "-o", folder],
      ];
      const result = await run(...line, "--json");
      expect(result.code).toBe(0);
      const { cka } = JSON.parse(result.out) as { cka: number[][] };
      expect(cka.length).toBe(2);
      for (const value of cka.flat()) expect(value > 0 && value <= 1).toBe(true);
      const frames: Frame[] = [];
      for await (const frame of readVideo(join(folder, "sigma-0.20.mp4"))) frames.push(frame);
      expect(frames.length).toBe(9);
      // The clip beside the teacher's two blocks and the student's one.
      expect([frames[0]!.width, frames[0]!.height]).toEqual([192, 128]);
      expect((await readFile(join(folder, "sheet.png"))).length).toBeGreaterThan(1000);

      for (const [flag, blocks, message] of [
        ["--teacher-blocks", "7", "the teacher has no block 7"],
        ["--teacher-blocks", "1,0", "blocks of the teacher must rise, got 1, 0"],
        ["--student-blocks", "0,0", "blocks of the student must rise, got 0, 0"],
      ] as const)
        expect(await run(...line, flag, blocks)).toMatchObject({ code: 2, err: expect.stringContaining(message) });

      // Embedded before, by a teacher whose encoders are gone; clips of a preset that the student does not name.
      const listed = await run(...line, "--list");
      expect(listed.out.split("\n")).toHaveLength(2);
      const [prompts, file] = [join(home, "prompts.txt"), join(home, "text.safetensors")];
      await writeFile(prompts, listed.out);
      expect((await run("embed", prompts, "--model", join(home, "teacher"), "-o", file)).code).toBe(0);
      for (const part of ["turbo2k.json", "tokenizer", "text_encoder", "text_encoder_2"])
        await rm(join(home, "teacher", part), { recursive: true });
      await saveTinyModel(join(home, "student"), { world: undefined });
      expect(await run(...line, "--embeddings", file)).toMatchObject({ code: 4 });
      expect(await run(...line, "--preset", "mini")).toMatchObject({ code: 4 });
      const told = await run(...line, "--preset", "mini", "--embeddings", file, "--json");
      expect(told).toMatchObject({ code: 0 });
      const again = (JSON.parse(told.out) as { cka: number[][] }).cka;
      expect(relativeError(again.flat(), cka.flat())).toBeLessThan(1e-2);
    }),
  180_000,
);

test(
  "eval teacher judges its clips of the test prompts",
  () =>
    inFolder(async (home) => {
      await saveTinyTeacher(join(home, "teacher"));
      const output = join(home, "eval");
      const result = await run(
        "eval",
        "teacher",
        "--model",
        join(home, "teacher"),
        "--prompts",
        "2",
        "-o",
        output,
        "--json",
      );
      expect(result.code).toBe(0);
      const { all, prompts } = JSON.parse(result.out) as { all: { joint: { asked: number } }; prompts: unknown[] };
      expect(prompts.length).toBe(2);
      expect(all.joint.asked).toBe(2);
    }),
  120_000,
);
