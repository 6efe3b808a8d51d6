import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Report } from "../metrics/report.ts";
import { frameOf, waves } from "../metrics/testing.ts";
import { niqeName } from "../platform/node/evaluate/videos.ts";
import { writeVideo } from "../platform/node/video/write.ts";
import { encodeModel } from "../runtimes/ort/onnx-file.ts";
import { encodePng } from "../video/png.ts";
import { resizeFrame } from "../video/resize.ts";
import { run } from "./testing.ts";

const [width, height, fps] = [256, 192, 8];
const clip = (kind: number) => Array.from({ length: 5 }, (_, time) => frameOf(waves(height, width, { kind, time })));
let folder: string;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "turbo2k-eval-"));
  for (const kind of [0, 1, 2, 3]) {
    await writeVideo(file(`videos/${kind}.mp4`), clip(kind), { width, height, fps });
    const low = clip(kind).map((frame) => resizeFrame(frame, width / 2, height / 2, "bilinear"));
    await writeVideo(file(`low/${kind}.mp4`), low, { width: width / 2, height: height / 2, fps });
  }
  await mkdir(file("exact"), { recursive: true });
  for (const [at, frame] of clip(0).entries()) await writeFile(file(`exact/${at}.png`), encodePng(frame));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `eval videos` and answers its report. */
async function report(...words: string[]): Promise<Report> {
  const { code, out, err } = await run(["eval", "videos", ...words, "--json", "-o", file("out")]);
  if (code) throw new Error(err);
  return JSON.parse(out) as Report;
}
const rowOf = ({ rows }: Report, metric: string) => rows.find((row) => row.metric === metric);

/** A network of one node: the mean over a picture, or over everything. */
async function writeNetwork(
  name: string,
  inputs: { name: string; shape: number[]; dtype: "f32" | "i32" }[],
  op: string,
): Promise<void> {
  const output = op === "GlobalAveragePool" ? [1, 3, 1, 1] : inputs[0]!.shape.map(() => 1);
  const model = encodeModel({
    nodes: [{ op, domain: "", inputs: [inputs[0]!.name], outputs: ["score"], attributes: {}, name: "only" }],
    initializers: [],
    inputs,
    outputs: [{ name: "score", shape: output, dtype: "f32" }],
  });
  await writeFile(file(name), model);
}

test("figures of a folder, each with its count and interval, as JSON and Markdown", async () => {
  const all = await report(file("videos"), "--quick");
  expect(all.videos.map((one) => one.file)).toEqual([0, 1, 2, 3].map((kind) => file(`videos/${kind}.mp4`)));
  const row = rowOf(all, "wf/hf_rms")!;
  expect(row).toMatchObject({ n: 4, conformance: "wf", better: "neither", weights: null });
  expect(row.low).toBeLessThan(row.value);
  expect(row.high).toBeGreaterThan(row.value);
  expect(rowOf(all, "wf/motion")).toBeUndefined();
  expect(all.absent["niqe"]).toContain("--niqe");
  const markdown = await readFile(file("out/report.md"), "utf8");
  expect(markdown).toMatch(/^# Evaluation of 4 videos\n/);
  expect(markdown).toContain("| wf/hf_rms | ");
  expect(JSON.parse(await readFile(file("out/report.json"), "utf8"))).toEqual(all);
});

test("one video has figures that follow motion, and no interval", async () => {
  const one = await report(file("exact"), "--fps", "8");
  expect(rowOf(one, "temporal_mae")).toMatchObject({ n: 1, low: null, high: null, conformance: "exact" });
  expect(one.rows.map(({ metric }) => metric)).toEqual(
    expect.arrayContaining([
      "wf/motion",
      "wf/smooth_mc",
      "wf/warp_error",
      "wf/coherent_detail",
      "wf/consistency",
      "wf/static",
    ]),
  );
});

test("references and drafts are read alongside, pair by pair", async () => {
  const pairs = await report(file("videos"), "--quick", "--reference", file("videos"), "--low", file("low"));
  expect(rowOf(pairs, "psnr")).toBeUndefined(); // equal: no number
  expect(rowOf(pairs, "ssim")!.value).toBeCloseTo(1, 12);
  expect(rowOf(pairs, "wf/lr_ssim")!.value).toBeGreaterThan(0.9);
  expect(rowOf(pairs, "wf/detail_log_ratio")).toMatchObject({ n: 4, value: 0, better: "lower" });
  const coded = await report(file("videos/0.mp4"), "--quick", "--reference", file("exact"));
  expect(rowOf(coded, "psnr")!.value).toBeGreaterThan(30);
  expect(rowOf(coded, "ms_ssim")!.value).toBeGreaterThan(0.98);
  const failures = [
    [file("videos"), "--reference", file("exact"), "no video there is called"],
    [file("videos/0.mp4"), "--low", file("missing.mp4"), "no such file"],
    [file("low/0.mp4"), "--reference", file("videos/0.mp4"), "is 256x192 in one clip and 128x96"],
  ];
  for (const [path, flag, other, message] of failures)
    await expect(report(path!, "--quick", flag!, other!)).rejects.toThrow(message);
});

test("kept drafts are paired with their videos, from a folder of their own or the same one", async () => {
  for (const kind of [0, 1]) {
    await cp(file(`videos/${kind}.mp4`), file(`kept/${kind}.mp4`));
    await cp(file(`low/${kind}.mp4`), file(`kept/${kind}.draft.mp4`));
    await cp(file(`low/${kind}.mp4`), file(`drafts/${kind}.draft.mp4`));
  }
  const own = await report(file("videos/0.mp4"), file("videos/1.mp4"), "--quick", "--low", file("low"));
  const agreement = rowOf(own, "wf/lr_ssim")!.value;
  expect(agreement).toBeLessThan(0.999);
  for (const folder of ["kept", "drafts"]) {
    const paired = await report(file("kept"), "--quick", "--low", file(folder));
    expect(paired.videos.map((one) => one.file)).toEqual([0, 1].map((kind) => file(`kept/${kind}.mp4`)));
    expect(rowOf(paired, "wf/lr_ssim")).toMatchObject({ n: 2, value: agreement });
  }
  const unpaired = report(file("videos"), "--quick", "--low", file("kept"));
  await expect(unpaired).rejects.toThrow("no video there is called 2 or 2.draft");
});

test("sets are compared on random features", async () => {
  const sets = await report(file("videos"), "--quick", "--set", file("videos"));
  expect(rowOf(sets, "wf/kid_random")).toMatchObject({ n: 4, better: "lower" });
  await expect(report(file("videos/0.mp4"), "--set", file("videos"))).rejects.toThrow("too small to compare");
});

test("NIQE is refitted and scored", async () => {
  const fitted = await run(["eval", "niqe-fit", file("videos"), "-o", file("own.json"), "--block", "32", "--json"]);
  expect(JSON.parse(fitted.out)).toMatchObject({ pictures: 16, blocks: expect.any(Number) });
  const scored = await report(file("videos"), "--quick", "--niqe", file("own.json"));
  expect(rowOf(scored, "niqe@own")).toMatchObject({
    n: 4,
    conformance: "proxy",
    better: "lower",
    weights: createHash("sha256")
      .update(await readFile(file("own.json")))
      .digest("hex"),
  });
  expect([niqeName({ name: "niqe" }), niqeName({ name: "niqe", isPublished: true })]).toEqual(["niqe@niqe", "niqe"]);
  expect(rowOf(scored, "flat_share")!.value).toBeGreaterThanOrEqual(0);
  await expect(report(file("videos"), "--niqe", file("none.json"))).rejects.toThrow("cannot be read");
});

describe("learned metrics", () => {
  const manifest = async (content: object) => {
    await writeFile(file("learned.json"), JSON.stringify(content));
    return file("learned.json");
  };

  test("run on networks of the user, named proxies unless declared exact", async () => {
    await writeNetwork("clip.onnx", [{ name: "pixels", shape: [1, 3, 224, 224], dtype: "f32" }], "GlobalAveragePool");
    const tokens = 49 + 144 + 8 * 6;
    const musiq = (["pos", "scale", "mask"] as const).map((name) => ({
      name,
      shape: [1, tokens],
      dtype: "i32" as const,
    }));
    await writeNetwork(
      "musiq.onnx",
      [{ name: "patches", shape: [1, tokens, 3072], dtype: "f32" }, ...musiq],
      "ReduceMean",
    );
    const path = await manifest({
      "vbench/background_consistency": { file: "clip.onnx", conformance: "exact" },
      musiq: { file: "musiq.onnx" },
    });
    const all = await report(file("videos"), "--quick", "--learned", path);
    expect(rowOf(all, "vbench/background_consistency")).toMatchObject({
      n: 4,
      conformance: "exact",
      weights: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(Math.abs(rowOf(all, "proxy/musiq")!.value)).toBeLessThan(1);
    expect(rowOf(all, "proxy/musiq")).toMatchObject({ conformance: "proxy" });
  });

  test("refuse what is no network, quantised ones as exact, and unknown names", async () => {
    const input = [{ name: "pixels", shape: [1, 3, 224, 224], dtype: "f32" as const }];
    await writeNetwork("small.onnx", input, "GlobalAveragePool");
    await writeFile(file("text.onnx"), "no network");
    await writeFile(
      file("int8.onnx"),
      Buffer.concat([await readFile(file("small.onnx")), Buffer.from("QLinearMatMul")]),
    );
    for (const [content, message] of [
      [{ "vbench/background_consistency": { file: "text.onnx" } }, "not a graph that can be run"],
      [
        { "vbench/background_consistency": { file: "int8.onnx", conformance: "exact" } },
        "a quantised graph (QLinear) cannot be exact",
      ],
      [{ musiq: { file: "small.onnx" } }, "expected inputs patches, pos, scale, mask; the graph has pixels"],
      [{ clipiqa: { file: "small.onnx" } }, "CLIP-IQA needs its text embeddings"],
      [{ beauty: { file: "small.onnx" } }, "beauty"],
    ] as const)
      await expect(report(file("videos/0.mp4"), "--quick", "--learned", await manifest(content))).rejects.toThrow(
        message,
      );
  });
});
