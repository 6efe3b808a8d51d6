/** Networks of learned metrics from ONNX files, as a manifest names them. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname, extname, resolve } from "node:path";
import * as onnxruntime from "onnxruntime-node";
import { z } from "zod";
import { InputError, UnsupportedError } from "../../../base/errors.ts";
import {
  type Companions,
  type LearnedMeter,
  type LearnedMetric,
  learnedMetrics,
  type Network,
  openLearned,
} from "../../../metrics/learned/adapters.ts";
import type { MetricInfo } from "../../../metrics/report.ts";
import { type HostTensor, hostTensor } from "../../../tensor/dtype.ts";
import { fileError } from "../video/file-error.ts";

export type { LearnedMeter };

const entry = z.strictObject({
  file: z.string(),
  /** `exact` is the user's word that the graph is the published network, exported unchanged. */
  conformance: z.enum(["exact", "proxy"]).default("proxy"),
  head: z.string().optional(),
  pairs: z.string().optional(),
  texts: z.string().optional(),
});
const manifestSchema = z.partialRecord(z.enum(learnedMetrics), entry);

const head = z.strictObject({ weights: z.array(z.number()), bias: z.number() });
const pairs = z.array(z.tuple([z.array(z.number()), z.array(z.number())])).min(1);
const texts = z.record(z.string(), z.array(z.number()));

interface Opened {
  readonly metric: LearnedMetric;
  readonly conformance: "exact" | "proxy";
  readonly sha256: string;
  readonly network: Network;
  readonly companions: Companions;
}

export class LearnedMetrics {
  readonly #opened: readonly Opened[];

  private constructor(opened: readonly Opened[]) {
    this.#opened = opened;
  }

  /** @throws InputError for a manifest that is not one, with the place of the fault */
  static async open(path: string): Promise<LearnedMetrics> {
    const manifest = await readJson(path, manifestSchema);
    const opened: Opened[] = [];
    for (const metric of learnedMetrics) {
      const one = manifest[metric];
      if (!one) continue;
      const at = (file: string) => resolve(dirname(path), file);
      const { network, sha256 } = await openNetwork(at(one.file), one.conformance === "exact");
      const companions = {
        head: one.head === undefined ? undefined : await readJson(at(one.head), head),
        pairs: one.pairs === undefined ? undefined : await readJson(at(one.pairs), pairs),
        texts: one.texts === undefined ? undefined : await readJson(at(one.texts), texts),
      };
      opened.push({ metric, conformance: one.conformance, sha256, network, companions });
    }
    return new LearnedMetrics(opened);
  }

  /** Meters for one video; what a proxy measures is named so. */
  meters(file: string, frames: number): LearnedMeter[] {
    const about = { name: basename(file, extname(file)), frames };
    return this.#opened.map(({ metric, conformance, network, companions }) => {
      const meter = openLearned(metric, network, companions, about);
      if (conformance === "exact") return meter;
      const figures = async () =>
        Object.fromEntries(Object.entries(await meter.figures()).map(([name, value]) => [`proxy/${name}`, value]));
      return { take: meter.take, figures };
    });
  }

  /** What a learned figure is. */
  infoOf(name: string): MetricInfo | undefined {
    const bare = name.replace(/^proxy\//, "");
    const one = this.#opened.find(({ metric }) => bare === metric || bare.startsWith(`${metric}/`));
    if (!one) return undefined;
    const about =
      one.conformance === "exact"
        ? "learned; the graph is declared to be the published one"
        : "learned, by another network or graph";
    return { conformance: one.conformance, better: "higher", about, version: 1, weights: one.sha256 };
  }
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readFile(path, "utf8").catch((cause: unknown) => {
    throw fileError(cause, path, "read");
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new InputError(`not JSON: ${(cause as Error).message}`, { where: path, cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new InputError(`${issue.path.join(".") || "file"}: ${issue.message}`, {
    where: path,
    hint: `learned metrics are ${learnedMetrics.join(", ")}`,
  });
}

/** In the names of operations that only quantised graphs have. */
const quantised = ["QLinear", "MatMulNBits", "DynamicQuantize", "DequantizeLinear", "MatMulInteger"];

async function openNetwork(path: string, exact: boolean): Promise<{ network: Network; sha256: string }> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw fileError(cause, path, "read");
  });
  // In the bytes: published networks of more than a gigabyte do not fit into one string.
  const found = exact && quantised.find((name) => bytes.includes(name));
  if (found)
    throw new InputError(`a quantised graph (${found}) cannot be exact`, {
      where: path,
      hint: 'set "conformance": "proxy"',
    });
  const session = await onnxruntime.InferenceSession.create(path).catch((cause: Error) => {
    throw new InputError(`not a graph that can be run: ${cause.message}`, { where: path, cause });
  });
  const types = new Map(session.inputMetadata.map((one) => [one.name, one.isTensor ? one.type : "other"]));
  const network: Network = {
    inputs: session.inputNames,
    outputs: session.outputNames,
    async run(feeds) {
      const unknown = Object.keys(feeds).filter((name) => !types.has(name));
      if (unknown.length)
        throw new InputError(
          `expected inputs ${Object.keys(feeds).join(", ")}; the graph has ${session.inputNames.join(", ")}`,
          {
            where: path,
          },
        );
      const values = Object.entries(feeds).map(
        ([name, value]) => [name, toTensor(value, types.get(name)!, path)] as const,
      );
      const results = await session.run(Object.fromEntries(values)).catch((cause: Error) => {
        throw new InputError(`the graph refuses its input: ${cause.message}`, { where: path, cause });
      });
      return Object.fromEntries(
        session.outputNames.map((name) => {
          const { data, dims } = results[name]!;
          return [name, hostTensor(Float32Array.from(data as Float32Array), dims)];
        }),
      );
    },
  };
  return { network, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function toTensor({ data, shape }: HostTensor, type: string, where: string): onnxruntime.Tensor {
  if (type === "float32") return new onnxruntime.Tensor("float32", Float32Array.from(data as Float32Array), shape);
  if (type === "int64")
    return new onnxruntime.Tensor(
      "int64",
      BigInt64Array.from(data as Float32Array, (value) => BigInt(value)),
      shape,
    );
  if (type === "int32") return new onnxruntime.Tensor("int32", Int32Array.from(data as Float32Array), shape);
  throw new UnsupportedError(`inputs of type ${type} are not fed`, {
    where,
    hint: "export the graph with float32 inputs",
  });
}
