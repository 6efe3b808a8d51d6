import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cp, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { packageRoot } from "../generate/package-root.ts";
import { findModel } from "./find-model.ts";
import { type ModelId, modelId } from "./model-id.ts";
import { type PullEvent, type PullOptions, pull } from "./pull.ts";
import { commit, type FakeHub, type HubFile, openFakeHub, pipelineFiles } from "./testing.ts";

const name = "Lightricks/LTX-Video";
const id = modelId(name);
const big = "transformer/diffusion_pytorch_model.safetensors";
const needed = [
  "model_index.json",
  "scheduler/scheduler_config.json",
  "text_encoder/config.json",
  "text_encoder/model-00001-of-00002.safetensors",
  "text_encoder/model-00002-of-00002.safetensors",
  "text_encoder/model.safetensors.index.json",
  "tokenizer/spiece.model",
  "tokenizer/tokenizer_config.json",
  "transformer/config.json",
  big,
  "vae/config.json",
  "vae/diffusion_pytorch_model.safetensors",
];

let files: Record<string, HubFile>;
let hub: FakeHub;
let cache = "";
beforeEach(async () => {
  files = pipelineFiles();
  hub = await openFakeHub(name, files);
  cache = await mkdtemp(join(tmpdir(), "turbo2k-hub-"));
});
afterEach(async () => {
  await hub.close();
  await rm(cache, { recursive: true, force: true });
});

const settings = (more = {}) => ({ endpoint: hub.endpoint, cache, token: undefined, offline: false, ...more });
/** Pulls to the end; answers the folder and what was said. */
async function run(
  options: PullOptions = {},
  generator: (id: ModelId, options: PullOptions) => AsyncGenerator<PullEvent, string> = pull,
  model = id,
): Promise<{ path: string; events: PullEvent[] }> {
  const events: PullEvent[] = [];
  const all = generator(model, { settings: settings(), pauses: [0.01, 0.01], ...options });
  let next = await all.next();
  for (; !next.done; next = await all.next()) events.push(next.value);
  return { path: next.value, events };
}

const filesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
const storage = () => join(cache, "models--Lightricks--LTX-Video");
const expectWhole = async (path: string, names: readonly string[]) => {
  for (const file of names) expect(Buffer.compare(await readFile(join(path, file)), files[file]!.content)).toBe(0);
};
const refuse = (status: number, code?: string, headers = {}) => {
  hub.fault = (_, response) => {
    response.writeHead(status, { ...(code ? { "x-error-code": code } : {}), ...headers }).end("{}");
    return "handled";
  };
};

describe("a pull", () => {
  test("brings what the model needs, in the layout that the Python tools share", async () => {
    const { path, events } = await run();
    expect(path).toBe(join(storage(), "snapshots", commit));
    expect(await filesIn(path)).toEqual(needed);
    await expectWhole(path, needed);
    expect(await readlink(join(path, big))).toMatch(/^\.\.\/\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readlink(join(path, "model_index.json"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect(await readFile(join(storage(), "refs", "main"), "utf8")).toBe(commit);
    expect((await filesIn(storage())).filter((file) => file.includes("incomplete"))).toEqual([]);
    expect(await filesIn(join(cache, ".locks"))).toEqual([]);
    const total = needed.reduce((sum, file) => sum + files[file]!.content.byteLength, 0);
    expect(events[0]).toMatchObject({ type: "plan", bytes: total, cachedBytes: 0, commit });
    expect(events.at(-1)).toMatchObject({ type: "progress", done: total, of: total });
  });

  test("asks for nothing twice", async () => {
    await run();
    hub.requests.length = 0;
    const { events } = await run();
    expect(events[0]).toMatchObject({ type: "plan", cachedBytes: (events[0] as { bytes: number }).bytes });
    expect(hub.requests.filter((line) => line.includes("/resolve/"))).toEqual([]);
  });

  test("of some files, of all, of one", async () => {
    const some = await run({ include: ["vae/*.safetensors", "tokenizer"] });
    expect(await filesIn(some.path)).toEqual([
      "tokenizer/spiece.model",
      "tokenizer/tokenizer_config.json",
      "vae/diffusion_pytorch_model.safetensors",
    ]);
    const one = await run({}, pull, modelId(`${name}/ltxv-2b-0.9.6-dev-04-25.safetensors`));
    expect(await filesIn(one.path)).toContain("ltxv-2b-0.9.6-dev-04-25.safetensors");
    await expect(run({ include: ["unet/*"] })).rejects.toMatchObject({ kind: "usage" });
    expect(await filesIn((await run({ all: true })).path)).toEqual(Object.keys(files).sort());
  });

  test("sends the token to the hub, and to no other host", async () => {
    await run({ settings: settings({ token: "secret" }) });
    expect(new Set(hub.tokens.api)).toEqual(new Set(["Bearer secret"]));
    expect(new Set(hub.tokens.content)).toEqual(new Set([undefined]));
  });

  test("is not led out of its folder by a listing", async () => {
    await hub.close();
    hub = await openFakeHub(name, { ...files, "transformer/../../../../x.json": files["README.md"]! });
    await expect(run()).rejects.toThrow("the hub lists a file that cannot be");
  });
});

describe("a pull that is disturbed", () => {
  test("goes on where the connection was cut", async () => {
    hub.fault = ({ path, attempt }) => (path.startsWith("/content/transformer") && attempt <= 2 ? "cut" : undefined);
    const { path } = await run();
    await expectWhole(path, needed);
    const ranges = hub.requests
      .filter((line) => line.includes("/content/transformer/diff"))
      .map((line) => line.split(" ")[2]);
    expect(ranges).toEqual([undefined, "bytes=150000-", "bytes=225000-"]);
  });

  test("goes on in a later run, and says how much is here", async () => {
    hub.fault = ({ path, attempt }, response) => {
      if (!path.startsWith("/content/transformer/diff")) return undefined;
      if (attempt === 1) return "cut";
      response.destroy();
      return "handled";
    };
    await expect(run()).rejects.toThrow("no connection");
    expect((await filesIn(join(storage(), "snapshots"))).length).toBe(0);
    hub.fault = undefined;
    hub.requests.length = 0;
    const { path, events } = await run();
    expect((events[0] as { cachedBytes: number }).cachedBytes).toBeGreaterThanOrEqual(150_000);
    expect(hub.requests.some((request) => request.includes("bytes=150000-"))).toBe(true);
    await expectWhole(path, needed);
  });

  test("begins anew where the server knows no ranges", async () => {
    hub.fault = ({ path, attempt }) =>
      path.includes("/content/vae/diff") ? (attempt === 1 ? "cut" : "norange") : undefined;
    await expectWhole((await run()).path, needed);
  });

  test("takes no file with a wrong checksum under its name", async () => {
    hub.fault = ({ path }) => (path.includes("/content/vae/diff") ? "garble" : undefined);
    await expect(run()).rejects.toMatchObject({
      kind: "checkpoint",
      message: expect.stringContaining("wrong checksum"),
    });
    const hash = createHash("sha256").update(files["vae/diffusion_pytorch_model.safetensors"]!.content).digest("hex");
    expect((await filesIn(join(storage(), "blobs"))).filter((blob) => blob.startsWith(hash))).toEqual([]);
    hub.fault = undefined;
    await expectWhole((await run()).path, needed);
  });

  test("begins anew once where the part that was here is at fault", async () => {
    hub.fault = ({ path, attempt }, response) => {
      if (!path.includes("/content/vae/diff")) return undefined;
      if (attempt === 1) return "cut";
      response.destroy();
      return "handled";
    };
    await expect(run()).rejects.toThrow("no connection");
    const [partial] = (await filesIn(join(storage(), "blobs"))).filter((blob) => blob.includes("incomplete"));
    const path = join(storage(), "blobs", partial!);
    await writeFile(path, new Uint8Array((await stat(path)).size));
    hub.fault = undefined;
    await expectWhole((await run()).path, needed);
  });

  test.each<[string, () => void, object, RegExp]>([
    ["401 of a licence", () => refuse(401, "GatedRepo"), {}, /lets in only people who accept a licence/],
    ["403 of a licence", () => refuse(403, "GatedRepo"), { token: "hf_x" }, /has not let this account in/],
    ["401 of a token", () => refuse(401), { token: "hf_x" }, /does not accept the token/],
    ["401 without one", () => refuse(401, "RepoNotFound"), {}, /no such model, or it is private/],
    ["403", () => refuse(403), {}, /does not allow this/],
    ["404", () => refuse(404), {}, /no such model/],
    ["404 of a revision", () => refuse(404, "RevisionNotFound"), {}, /no branch, tag or commit "main"/],
    ["400", () => refuse(400), {}, /the hub answered 400/],
  ])("says in words what %s means", async (_, fault, more, message) => {
    fault();
    const error = await run({ settings: settings(more) }).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ kind: "checkpoint", message: expect.stringMatching(message) });
    expect((error as { hint?: string }).hint ?? "").not.toContain("hf_x");
    expect(hub.requests).toHaveLength(1);
  });

  test.each([
    [429, "asks for patience"],
    [500, "has a problem (500)"],
    [503, "has a problem (503)"],
  ])("tries again after %d, then gives up in words", async (status, message) => {
    let left = 2;
    hub.fault = ({ path }, response) => {
      if (!path.startsWith("/content/transformer/diff") || left-- <= 0) return undefined;
      response.writeHead(status, { "retry-after": "0" }).end();
      return "handled";
    };
    await expectWhole((await run()).path, needed);
    await rm(storage(), { recursive: true });
    left = 100;
    await expect(run()).rejects.toMatchObject({ kind: "failure", message: expect.stringContaining(message) });
  });

  test("says so where the hub cannot be reached", async () => {
    const closed = settings({ endpoint: "http://127.0.0.1:9" });
    await expect(run({ settings: closed })).rejects.toThrow(/no connection to http:\/\/127.0.0.1:9/);
  });

  test("notices a connection that fell asleep", async () => {
    hub.fault = ({ path, attempt }, response) => {
      if (!path.startsWith("/content/transformer/diff") || attempt > 1) return undefined;
      response.writeHead(200, { "content-length": 300_000 }).write(files[big]!.content.subarray(0, 1000));
      return "handled";
    };
    await expectWhole((await run({ patience: 0.3 })).path, needed);
    expect(hub.requests.some((line) => line.endsWith("bytes=1000-"))).toBe(true);
  });

  test("stops when told to, and keeps what came", async () => {
    const stop = new AbortController();
    hub.fault = ({ path }, response) => {
      if (!path.startsWith("/content/transformer/diff")) return undefined;
      response.writeHead(200, { "content-length": 300_000 }).write(files[big]!.content.subarray(0, 1000));
      setTimeout(() => stop.abort(), 300);
      return "handled";
    };
    await expect(run({ signal: stop.signal })).rejects.toMatchObject({ kind: "cancelled" });
    expect(await filesIn(join(cache, ".locks"))).toEqual([]);
    hub.fault = undefined;
    await expectWhole((await run()).path, needed);
    expect(hub.requests.some((line) => line.endsWith("bytes=1000-"))).toBe(true);
  });

  test("stops when nobody listens any more", async () => {
    hub.fault = ({ path }, response) => {
      if (!path.startsWith("/content/transformer/diff")) return undefined;
      response.writeHead(200, { "content-length": 300_000 }).write(files[big]!.content.subarray(0, 1000));
      return "handled";
    };
    for await (const event of pull(id, { settings: settings() })) if (event.type === "progress") break;
    expect(await filesIn(join(cache, ".locks"))).toEqual([]);
  });

  test("does not begin what the disk has no room for", async () => {
    await hub.close();
    hub = await openFakeHub(name, {});
    hub.fault = ({ path }, response) => {
      if (!path.includes("/tree/")) return undefined;
      const lfs = { oid: "d".repeat(64), size: 2 ** 52, pointerSize: 1 };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        JSON.stringify([{ type: "file", path: "model.safetensors", size: 2 ** 52, oid: "b".repeat(40), lfs }]),
      );
      return "handled";
    };
    await expect(run()).rejects.toMatchObject({ kind: "memory", message: expect.stringContaining("the disk has") });
    expect(hub.requests.filter((line) => line.includes("/resolve/"))).toEqual([]);
  });
});

describe("a model by its name", () => {
  test("is downloaded once, and then found without a network", async () => {
    const first = await run({}, findModel);
    hub.requests.length = 0;
    expect((await run({}, findModel)).path).toBe(first.path);
    expect((await run({ settings: settings({ offline: true }) }, findModel)).path).toBe(first.path);
    expect(hub.requests).toEqual([]);
  });

  test("is completed where a file has gone", async () => {
    const { path } = await run({}, findModel);
    await rm(join(path, "text_encoder/model-00002-of-00002.safetensors"));
    await expectWhole((await run({}, findModel)).path, needed);
  });

  test("that is not here is refused offline", async () => {
    const offline = settings({ offline: true });
    await expect(run({ settings: offline }, findModel)).rejects.toMatchObject({
      kind: "checkpoint",
      message: expect.stringContaining("not in the cache, and HF_HUB_OFFLINE is set"),
    });
    await expect(run({ settings: offline })).rejects.toThrow("HF_HUB_OFFLINE");
    expect(hub.requests).toEqual([]);
  });
});

test("two processes that pull the same model fetch every file once", async () => {
  const built = await mkdtemp(join(tmpdir(), "turbo2k-hub-built-"));
  try {
    await cp(join(packageRoot, "package.json"), join(built, "package.json"));
    await symlink(join(packageRoot, "node_modules"), join(built, "node_modules"));
    const compiler = join(packageRoot, "node_modules", ".bin", "tsc");
    await promisify(execFile)(compiler, ["-p", "tsconfig.build.json", "--outDir", join(built, "dist")], {
      cwd: packageRoot,
    });
    hub.fault = ({ path, attempt }) =>
      path.startsWith("/content/transformer/diff") && attempt === 1 ? "cut" : undefined;
    const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: cache, HF_TOKEN: "", HF_HUB_OFFLINE: "" };
    const ends = [1, 2].map(
      () =>
        new Promise<{ code: number | null; out: string }>((resolve) => {
          const child = spawn(process.execPath, [join(built, "dist/cli/main.js"), "pull", name], { env });
          let out = "";
          child.stdout.on("data", (chunk) => (out += chunk));
          child.stderr.on("data", (chunk) => (out += chunk));
          child.on("exit", (code) => resolve({ code, out }));
        }),
    );
    for (const { code, out } of await Promise.all(ends)) expect({ code, out }).toMatchObject({ code: 0 });
    await expectWhole(join(storage(), "snapshots", commit), needed);
    for (const file of needed) {
      const fetched = hub.requests.filter((line) => line.split(" ")[1] === `/content/${file}`);
      expect(fetched).toHaveLength(file === big ? 2 : 1);
    }
  } finally {
    await rm(built, { recursive: true, force: true });
  }
});
