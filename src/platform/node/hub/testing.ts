/** A server that plays the hub: what it lists, redirects to another origin, answers ranges, and fails as told. */
import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const commit = "a".repeat(40);

export interface HubFile {
  readonly content: Uint8Array;
  /** Git's own rather than LFS: then its hash is a SHA-1. */
  readonly plain?: boolean;
}

/** What happens to one request; `undefined` lets it pass. */
export type Fault = (
  request: { readonly path: string; readonly range: string | undefined; readonly attempt: number },
  response: ServerResponse,
) => "cut" | "garble" | "norange" | "handled" | undefined;

export interface FakeHub {
  readonly endpoint: string;
  /** Requests, in order: `GET path range`. */
  readonly requests: string[];
  /** The authorization that each kind of address has seen. */
  readonly tokens: { api: (string | undefined)[]; content: (string | undefined)[] };
  fault: Fault | undefined;
  close(): Promise<void>;
}

export async function openFakeHub(name: string, files: Readonly<Record<string, HubFile>>): Promise<FakeHub> {
  const attempts = new Map<string, number>();
  const hashOf = ({ content, plain }: HubFile): string =>
    plain
      ? createHash("sha1").update(`blob ${content.byteLength}\0`).update(content).digest("hex")
      : createHash("sha256").update(content).digest("hex");
  const entries = Object.entries(files).map(([path, file]) => {
    const size = file.content.byteLength;
    const hash = hashOf(file);
    const lfs = file.plain ? {} : { lfs: { oid: hash, size, pointerSize: 130 } };
    return { type: "file", path, size, oid: file.plain ? hash : "b".repeat(40), ...lfs };
  });
  const hub: FakeHub = { endpoint: "", requests: [], tokens: { api: [], content: [] }, fault: undefined, close };

  const server = createServer((request, response) => answer(request, response));
  function answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url!, "http://x");
    const path = decodeURIComponent(url.pathname);
    const { range } = request.headers;
    hub.requests.push([request.method, path, range].filter(Boolean).join(" "));
    const attempt = (attempts.get(path) ?? 0) + 1;
    attempts.set(path, attempt);
    hub.tokens[path.startsWith("/content/") ? "content" : "api"].push(request.headers.authorization);
    const fault = hub.fault?.({ path, range, attempt }, response);
    if (fault === "handled") return;
    const json = (value: unknown, headers = {}) =>
      response.writeHead(200, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
    const refuse = (code: string) => response.writeHead(404, { "x-error-code": code }).end();
    if (path.startsWith(`/api/models/${name}/revision/`)) {
      const revision = path.split("/").at(-1)!;
      if (!["main", commit].includes(revision)) return void refuse("RevisionNotFound");
      return void json({ _id: "1", id: name, sha: commit, lastModified: "2026-01-01T00:00:00Z", gated: false });
    }
    if (path === `/api/models/${name}/tree/${commit}`) {
      // In two pages, as long listings come.
      const half = Math.ceil(entries.length / 2);
      if (url.searchParams.has("cursor")) return void json(entries.slice(half));
      const link = `<${hub.endpoint}${path}?recursive=true&expand=false&cursor=2>; rel="next"`;
      return void json([...entries.slice(0, half), { type: "directory", path: "vae", size: 0, oid: "c".repeat(40) }], {
        link,
      });
    }
    const resolve = `/${name}/resolve/${commit}/`;
    if (path.startsWith(resolve)) {
      const file = path.slice(resolve.length);
      if (!files[file]) return void refuse("EntryNotFound");
      // Another host name for the same server: a token must not follow there.
      return void response
        .writeHead(302, {
          location: `${hub.endpoint.replace("127.0.0.1", "localhost")}/content/${encodeURIComponent(file)}`,
        })
        .end();
    }
    const file = path.startsWith("/content/") ? files[decodeURIComponent(path.slice("/content/".length))] : undefined;
    if (!file) return void refuse("RepoNotFound");
    send(file.content, range, fault, response);
  }

  function send(
    content: Uint8Array,
    range: string | undefined,
    fault: string | undefined,
    response: ServerResponse,
  ): void {
    const start = fault === "norange" ? 0 : Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    if (start >= content.byteLength && start > 0) return void response.writeHead(416).end();
    let body = content.subarray(start);
    const headers = {
      "content-length": body.byteLength,
      ...(start > 0 ? { "content-range": `bytes ${start}-${content.byteLength - 1}/${content.byteLength}` } : {}),
    };
    response.writeHead(start > 0 ? 206 : 200, headers);
    if (fault === "garble") body = Uint8Array.from(body, (byte, at) => (at === body.byteLength >> 1 ? byte ^ 1 : byte));
    if (fault !== "cut") return void response.end(body);
    response.write(body.subarray(0, body.byteLength >> 1), () => setTimeout(() => response.destroy(), 20));
  }

  async function close(): Promise<void> {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  await new Promise<void>((resolve) => server.listen(0, resolve));
  return Object.assign(hub, { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/** A repository as Lightricks has it: a pipeline, single files beside it, variants and shards. */
export function pipelineFiles(): Record<string, HubFile> {
  const json = (value: unknown): HubFile => ({ content: new TextEncoder().encode(JSON.stringify(value)), plain: true });
  const weights = (size: number): HubFile => ({ content: randomBytes(size) });
  const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] as const;
  return {
    "README.md": json("hello"),
    "model_index.json": json({
      _class_name: "LTXPipeline",
      scheduler: ["diffusers", "FlowMatchEulerDiscreteScheduler"],
      text_encoder: ["transformers", "T5EncoderModel"],
      tokenizer: ["transformers", "T5Tokenizer"],
      transformer: ["diffusers", "LTXVideoTransformer3DModel"],
      vae: ["diffusers", "AutoencoderKLLTXVideo"],
    }),
    "ltxv-13b-0.9.8-dev.safetensors": weights(4000),
    "ltxv-2b-0.9.6-dev-04-25.safetensors": weights(3000),
    "media/picture.png": weights(100),
    "scheduler/scheduler_config.json": json({ shift: 1 }),
    "text_encoder/config.json": json({ d_model: 8 }),
    "text_encoder/model.safetensors.index.json": json({ weight_map: { a: shards[0], b: shards[1] } }),
    [`text_encoder/${shards[0]}`]: weights(200_000),
    [`text_encoder/${shards[1]}`]: weights(100_000),
    "tokenizer/spiece.model": weights(500),
    "tokenizer/tokenizer_config.json": json({}),
    "transformer/config.json": json({ layers: 1 }),
    "transformer/diffusion_pytorch_model.safetensors": weights(300_000),
    "transformer/diffusion_pytorch_model.fp16.safetensors": weights(150_000),
    "vae/config.json": json({ channels: 1 }),
    "vae/diffusion_pytorch_model.bin": weights(1000),
    "vae/diffusion_pytorch_model.safetensors": weights(50_000),
  };
}
