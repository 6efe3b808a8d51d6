import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { logGamma } from "../../base/gamma.ts";
import { boxes, frameOf, greyFrame, waves } from "../testing.ts";
import { fitAggd } from "./aggd.ts";
import { niqeFeatures } from "./features.ts";
import { readNiqeModel, writeNiqeModel } from "./model-file.ts";
import { NiqeFitter, niqe, niqeOfPlane } from "./niqe.ts";

const close = (values: readonly number[], expected: readonly number[], digits = 6) => {
  for (const [at, value] of expected.entries()) expect(values[at]).toBeCloseTo(value, digits);
};

test("ln Gamma", () => {
  expect(logGamma(0.1)).toBeCloseTo(2.252712651734206, 12);
  expect(logGamma(10)).toBeCloseTo(Math.log(362880), 12);
  expect(Math.exp(logGamma(0.5)) ** 2).toBeCloseTo(Math.PI, 12);
});

describe("features of the sharp picture", () => {
  const { rows, sharpness, flat } = niqeFeatures(waves(288, 384));
  const mean = Array.from(
    { length: 36 },
    (_, column) => rows.reduce((sum, row) => sum + row[column]!, 0) / rows.length,
  );

  test("sharpness of its blocks", () => {
    expect(sharpness.reduce((a, b) => a + b) / 12).toBeCloseTo(17.920327, 6);
    expect(Math.max(...sharpness)).toBeCloseTo(22.570751, 6);
    expect(sharpness.filter((value) => value > 0.75 * Math.max(...sharpness)).length).toBe(9);
    expect(flat).toBe(0);
  });

  test("fits", () => {
    close(rows[0]!, [1.664, 0.467896, 0.576, 0.065676, 0.015896, 0.034559]);
    close(mean, [1.842167, 0.548142, 0.618583, 0.056299, 0.042567, 0.058687]);
    close(mean.slice(18), [2.341333, 0.839835, 0.75175, 0.2442, 0.029293, 0.17468]);
  });
});

test("a fit of samples of one sign is no number", () => {
  expect(fitAggd(Float64Array.of(1, 2, 3)).alpha).toBeNaN();
  expect(fitAggd(new Float64Array(4)).alpha).toBeNaN();
});

describe("a model refitted to eight pictures", () => {
  const fitter = new NiqeFitter({ name: "waves", luma: "rgb2gray" });
  const kept = Array.from({ length: 8 }, (_, kind) => fitter.takePlane(waves(384, 576, { kind })));
  const { model, blocks } = fitter.result();
  const clean = waves(384, 576, { kind: 9 });

  test("keeps sharp blocks", () => {
    expect(kept).toEqual([14, 11, 10, 10, 10, 8, 8, 6]);
    expect(blocks).toBe(77);
    expect(model.covariance.reduce((sum, value, at) => sum + (at % 37 ? 0 : value), 0)).toBeCloseTo(2.927207, 5);
    close([...model.mean], [3.285636, 0.923054, 0.85187]);
  });

  test("tells a clean picture from blocks by a factor of five", () => {
    expect(niqeOfPlane(clean, model).score).toBeCloseTo(8.714766, 3);
    expect(niqeOfPlane(boxes(clean), model).score / 42.819941).toBeCloseTo(1, 2);
  });

  test("scores frames, by the model's own grey", () => {
    expect(niqe(frameOf(clean), model)).toEqual(niqeOfPlane(clean, model));
  });

  test("goes through a file", async () => {
    const bytes = new TextEncoder().encode(writeNiqeModel(model));
    expect(await readNiqeModel(bytes, "m.json")).toMatchObject({ ...model, isPublished: false });
    await expect(readNiqeModel(new TextEncoder().encode("{}"), "m.json")).rejects.toThrow("not a NIQE model");
    await expect(readNiqeModel(new Uint8Array(9), "m.json")).rejects.toThrow("neither");
  });

  test("comes from a MATLAB file, deflated or not", async () => {
    const parts: Uint8Array[] = [];
    const text = "MATLAB 5.0 MAT-file".padEnd(124);
    parts.push(new TextEncoder().encode(text), Uint8Array.of(0, 1, 0x49, 0x4d));
    parts.push(await matrixElement("mu_prisparam", [1, 36], model.mean, true));
    parts.push(await matrixElement("cov_prisparam", [36, 36], model.covariance, false));
    const bytes = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const read = { ...model, name: "m", luma: "rgb2gray", sha256 };
    expect(await readNiqeModel(bytes, "there/m.mat")).toEqual({ ...read, isPublished: false });
    // Only the file that was published gives scores of that name.
    expect(await readNiqeModel(bytes, "m.mat", sha256)).toEqual({ ...read, isPublished: true });
    await expect(readNiqeModel(bytes.subarray(0, -9), "m.mat")).rejects.toThrow("damaged");
    await expect(readNiqeModel(bytes.subarray(0, 128), "m.mat")).rejects.toThrow("mu_prisparam");
  });
});

test("pictures that are too small or flat are refused", () => {
  const fitter = new NiqeFitter({ name: "none" });
  expect(() => fitter.take(greyFrame(1, 96, 96))).toThrow("two blocks of 96x96");
  fitter.take(greyFrame(7, 192, 192));
  expect(() => fitter.result()).toThrow("not flat");
});

async function matrixElement(
  name: string,
  shape: readonly number[],
  values: Float64Array,
  deflate: boolean,
): Promise<Uint8Array> {
  const element = (type: number, data: ArrayBufferView) => {
    const bytes = new Uint8Array(8 + Math.ceil(data.byteLength / 8) * 8);
    new Uint32Array(bytes.buffer, 0, 2).set([type, data.byteLength]);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 8);
    return bytes;
  };
  const parts = [
    element(6, Uint32Array.of(6, 0)),
    element(5, Int32Array.from(shape)),
    element(1, new TextEncoder().encode(name)),
    element(9, values),
  ];
  const inside = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
  const whole = element(14, inside);
  if (!deflate) return whole;
  const stream = new Blob([whole]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const out = new Uint8Array(8 + packed.length);
  new Uint32Array(out.buffer, 0, 2).set([15, packed.length]);
  out.set(packed, 8);
  return out;
}
