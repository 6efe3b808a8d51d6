/** Pristine models as files: JSON of our own, or LIVE's `modelparameters.mat` (MAT-5 with deflated elements). */
import { z } from "zod";
import { InputError, MediaError } from "../../base/errors.ts";
import { lumaVariants } from "../plane.ts";
import { featureCount, usualBlock } from "./features.ts";
import type { NiqeModel } from "./niqe.ts";

const schema = z.strictObject({
  name: z.string(),
  block: z.number().int().positive(),
  luma: z.enum(lumaVariants),
  mean: z.array(z.number()).length(featureCount),
  covariance: z.array(z.number()).length(featureCount ** 2),
});

export function writeNiqeModel({ name, block, luma, mean, covariance }: NiqeModel): string {
  return `${JSON.stringify({ name, block, luma, mean: [...mean], covariance: [...covariance] })}\n`;
}

/** Of LIVE's `modelparameters.mat`, whose scores alone are called `niqe`. */
const publishedSha256 = "fa2aa4d12dd9595c3fb6bf8b4e1a15c79d5d1469238d0901c88dead195be578d";

/** A model as it stands in a file. */
export interface NiqeFile extends NiqeModel {
  readonly sha256: string;
  readonly isPublished: boolean;
}

/** A model from a file's bytes. @throws InputError for a file that holds none */
export async function readNiqeModel(
  bytes: Uint8Array,
  where: string,
  published: string = publishedSha256,
): Promise<NiqeFile> {
  const sha256 = await sha256Of(bytes);
  return { ...(await readModel(bytes, where)), sha256, isPublished: sha256 === published };
}

/** Published parameters are scored with MATLAB's grey, as where they were fitted; other MATLAB files are taken to be fitted so too. */
async function readModel(bytes: Uint8Array, where: string): Promise<NiqeModel> {
  const start = new TextDecoder("latin1").decode(bytes.subarray(0, 6));
  if (start === "MATLAB") {
    const arrays = await readMat5(bytes, where);
    const [mean, covariance] = [arrays.get("mu_prisparam"), arrays.get("cov_prisparam")];
    if (mean?.length !== featureCount || covariance?.length !== featureCount ** 2)
      throw new InputError(
        `expected mu_prisparam [1, 36] and cov_prisparam [36, 36], found ${[...arrays.keys()].join(", ")}`,
        {
          where,
        },
      );
    const name = where.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "");
    return { name, mean, covariance, block: usualBlock, luma: "rgb2gray" };
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new InputError("neither a MATLAB file nor JSON", {
      where,
      cause,
      hint: "turbo2k eval niqe-fit writes such files; LIVE's modelparameters.mat is read too",
    });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new InputError(`not a NIQE model: ${parsed.error.issues[0]!.message}`, { where });
  const { mean, covariance, ...rest } = parsed.data;
  return { ...rest, mean: Float64Array.from(mean), covariance: Float64Array.from(covariance) };
}

const [int8, uint8, int16, uint16, int32, uint32, single, double, matrix, compressed] = [
  1, 2, 3, 4, 5, 6, 7, 9, 14, 15,
];
const readers: Record<number, [bytes: number, read: (view: DataView, at: number) => number]> = {
  [int8!]: [1, (view, at) => view.getInt8(at)],
  [uint8!]: [1, (view, at) => view.getUint8(at)],
  [int16!]: [2, (view, at) => view.getInt16(at, true)],
  [uint16!]: [2, (view, at) => view.getUint16(at, true)],
  [int32!]: [4, (view, at) => view.getInt32(at, true)],
  [uint32!]: [4, (view, at) => view.getUint32(at, true)],
  [single!]: [4, (view, at) => view.getFloat32(at, true)],
  [double!]: [8, (view, at) => view.getFloat64(at, true)],
};

/** Real arrays of a little-endian MAT-5 file by name, in MATLAB's order (columns first). */
export async function readMat5(bytes: Uint8Array, where: string): Promise<Map<string, Float64Array>> {
  const arrays = new Map<string, Float64Array>();
  try {
    if (bytes[126] !== 0x49) throw new RangeError("not little-endian"); // "IM"
    for (const { type, data } of elements(bytes.subarray(128))) {
      const inner = type === compressed ? [...elements(await inflate(data))] : [{ type, data }];
      for (const one of inner) if (one.type === matrix) readMatrix(one.data, arrays);
    }
  } catch (cause) {
    throw new MediaError(`this MATLAB file is damaged or of another kind: ${(cause as Error).message}`, {
      where,
      cause,
    });
  }
  return arrays;
}

interface Element {
  readonly type: number;
  readonly data: Uint8Array;
}

function* elements(bytes: Uint8Array): Generator<Element> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 8 <= bytes.length; ) {
    const word = view.getUint32(at, true);
    const small = word >>> 16;
    const [type, size, start] = small ? [word & 0xffff, small, at + 4] : [word, view.getUint32(at + 4, true), at + 8];
    if (start + size > bytes.length) throw new RangeError("it ends inside an element");
    yield { type, data: bytes.subarray(start, start + size) };
    at = small ? at + 8 : start + (type === compressed ? size : Math.ceil(size / 8) * 8);
  }
}

function readMatrix(bytes: Uint8Array, into: Map<string, Float64Array>): void {
  const [, , name, real] = [...elements(bytes)];
  const reader = real && readers[real.type];
  if (!name || !reader) return; // a structure, a cell, a text: nothing of ours
  const [width, read] = reader;
  const view = new DataView(real.data.buffer, real.data.byteOffset, real.data.byteLength);
  const values = Float64Array.from({ length: real.data.length / width }, (_, at) => read(view, at * width));
  into.set(new TextDecoder("latin1").decode(name.data), values);
}

async function sha256Of(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
