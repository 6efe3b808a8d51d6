import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseFiles } from "./choose-files.ts";
import { withLock } from "./lock.ts";
import { modelId, parseModelId } from "./model-id.ts";
import { hubSettings } from "./settings.ts";

const listed = (...paths: string[]) => paths.map((path) => ({ path, size: 1e9 }));
const chosen = (...paths: string[]) => chooseFiles(listed(...paths), {}, "x").map(({ path }) => path);

describe("files of a repository", () => {
  test("of a pipeline are one variant of each module", () => {
    expect(
      chosen(
        "model_index.json",
        "transformer/diffusion_pytorch_model.safetensors.index.json",
        "transformer/diffusion_pytorch_model.fp16.safetensors",
        "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
        "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
        "text_encoder/model.fp16.safetensors",
        "text_encoder/model.bf16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model-00001-of-00001.safetensors",
        "safety_checker/model.safetensors",
        "tokenizer/spiece.model",
      ),
    ).toEqual([
      "model_index.json",
      "transformer/diffusion_pytorch_model.safetensors.index.json",
      "transformer/diffusion_pytorch_model-00001-of-00002.safetensors",
      "transformer/diffusion_pytorch_model-00002-of-00002.safetensors",
      "vae/diffusion_pytorch_model.safetensors",
      "text_encoder/model.bf16.safetensors",
      "tokenizer/spiece.model",
    ]);
  });

  test("of any other repository are its only weights", () => {
    expect(chosen("README.md", "config.json", "a.gguf")).toEqual(["config.json", "a.gguf"]);
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    const sharded = ["config.json", ...shards, "model.safetensors.index.json"];
    expect(chosen("README.md", ...sharded)).toEqual(sharded);
    expect(() => chosen("a-Q4_0.gguf", "a-Q8_0.gguf")).toThrow(
      /several weights could be meant:\n {2}a-Q4_0.gguf \(1.0 GB\)/,
    );
    expect(() => chosen("pytorch_model.bin")).toThrow("no weights that can be read");
  });
});

describe("a model's id", () => {
  test.each([
    ["a/b", { name: "a/b", revision: "main", file: undefined }],
    ["Lightricks/LTX-Video-0.9.1@v1", { name: "Lightricks/LTX-Video-0.9.1", revision: "v1", file: undefined }],
    ["a/b/x-0.9.gguf", { name: "a/b", revision: "main", file: "x-0.9.gguf" }],
    ["a/b@v1/sub/x.safetensors", { name: "a/b", revision: "v1", file: "sub/x.safetensors" }],
  ])("can be %s", (text, id) => {
    expect(parseModelId(text)).toEqual(id);
  });

  test.each([
    "mini",
    "./a/b",
    "/a/b",
    "../b",
    "a/../b.gguf",
    "a/b/c",
    "a/b/../../x.gguf",
    "loras/style.safetensors",
    "a//b",
    "",
    "a/b@",
    "a/b--c",
  ])("cannot be %j", (text) => {
    expect(parseModelId(text)).toBeUndefined();
  });

  test("has one revision", () => {
    expect(modelId("a/b", "refs/pr/1").revision).toBe("refs/pr/1");
    expect(() => modelId("a/b@v1", "v2")).toThrow("once");
    expect(() => modelId("a/b", "../x")).toThrow("no branch");
  });
});

describe("the environment", () => {
  test("says where the cache is, as for the Python tools", async () => {
    const cache = async (env: Record<string, string>) => (await hubSettings(env, "/home/u")).cache;
    expect(await cache({})).toBe("/home/u/.cache/huggingface/hub");
    expect(await cache({ XDG_CACHE_HOME: "/x" })).toBe("/x/huggingface/hub");
    expect(await cache({ HF_HOME: "~/hf" })).toBe("/home/u/hf/hub");
    expect(await cache({ HF_HOME: "/h", HF_HUB_CACHE: "$DISK/c", DISK: "/d" })).toBe("/d/c");
  });

  test("says which hub, whether, and as whom", async () => {
    const folder = await mkdtemp(join(tmpdir(), "turbo2k-env-"));
    try {
      await writeFile(join(folder, "token"), "hf_file\n");
      const env = { HF_HOME: folder, HF_ENDPOINT: "http://mirror/", HF_HUB_OFFLINE: "YES" };
      expect(await hubSettings(env)).toMatchObject({ endpoint: "http://mirror", token: "hf_file", offline: true });
      expect((await hubSettings({ ...env, HF_TOKEN: " hf_env " })).token).toBe("hf_env");
      await expect(hubSettings({ HF_ENDPOINT: "ftp://x" })).rejects.toThrow("must be an http address");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("a lock", () => {
  test("is held by one at a time, and taken over from the dead", async () => {
    const folder = await mkdtemp(join(tmpdir(), "turbo2k-lock-"));
    const path = join(folder, "a", "x.lock");
    try {
      let inside = 0;
      let most = 0;
      const work = async () => {
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setTimeout(resolve, 30));
        inside--;
      };
      await Promise.all([withLock(path, work), withLock(path, work), withLock(path, work)]);
      expect(most).toBe(1);
      const { hostname } = await import("node:os");
      await writeFile(path, `${hostname()} 4194304999`); // a number that no process has
      await withLock(path, work);
      await expect(withLock(path, () => Promise.reject(new Error("x")))).rejects.toThrow("x");
      await withLock(path, work);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
