import { describe, expect, test } from "vitest";
import { bf16ToF32, e4m3ToF32, e5m2ToF32, f16ToF32, f32ToBf16, f32ToF16 } from "./half.ts";

const every16 = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const every8 = Uint8Array.from({ length: 256 }, (_, bits) => bits);
const words = (values: Float32Array): Uint32Array => new Uint32Array(values.buffer, values.byteOffset, values.length);

/** What a pattern means, by the definition of the format. */
function meaning(bits: number, exponentBits: number, mantissa: number): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const sign = bits >>> (exponentBits + mantissa) ? -1 : 1;
  const exponent = (bits >>> mantissa) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** mantissa - 1)) / 2 ** mantissa;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** (1 - bias) : sign * (1 + fraction) * 2 ** (exponent - bias);
}

function expectMeaning(values: Float32Array, exponentBits: number, mantissa: number): void {
  for (const [bits, value] of values.entries())
    if (!Object.is(value, meaning(bits, exponentBits, mantissa)))
      expect.fail(`${bits.toString(16)} became ${value}, it means ${meaning(bits, exponentBits, mantissa)}`);
}

describe("binary16", () => {
  test("every one of the 65,536 patterns widens to what it means", () => {
    expectMeaning(f16ToF32(every16), 5, 10);
  });

  test("every pattern survives the way to f32 and back, but that signalling NaNs become quiet", () => {
    const back = f32ToF16(f16ToF32(every16));
    for (const bits of every16) expect(back[bits]).toBe((bits & 0x7fff) > 0x7c00 ? bits | 0x200 : bits);
  });

  test("a value between two neighbours goes to the nearer one, and in the middle to the even one", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [meaning(bits, 5, 10), meaning(bits + 1, 5, 10)];
      const middle = Float32Array.of((low + high) / 2);
      const below = new Float32Array(Uint32Array.of(words(middle)[0]! - 1).buffer);
      const above = new Float32Array(Uint32Array.of(words(middle)[0]! + 1).buffer);
      const even = bits % 2 === 0 ? bits : bits + 1;
      const got = f32ToF16(Float32Array.of(below[0]!, middle[0]!, above[0]!, -below[0]!, -middle[0]!, -above[0]!));
      const want = [bits, even, bits + 1];
      expect([...got]).toEqual([...want, ...want.map((pattern) => pattern | 0x8000)]);
    }
  });

  test("what is beyond the largest number is infinity only from the middle to the next step on", () => {
    const values = Float32Array.of(65504, 65519.996, 65520, 65536, 1e30, -1e30, Infinity, -Infinity);
    expect([...f32ToF16(values)]).toEqual([0x7bff, 0x7bff, 0x7c00, 0x7c00, 0x7c00, 0xfc00, 0x7c00, 0xfc00]);
  });

  test("what is too small becomes a zero of its sign", () => {
    const values = Float32Array.of(2 ** -25, -(2 ** -25), 1e-40, -1e-45, 0, -0);
    expect([...f32ToF16(values)]).toEqual([0, 0x8000, 0, 0x8000, 0, 0x8000]);
  });
});

describe("bfloat16", () => {
  test("every one of the 65,536 patterns widens to what it means", () => {
    expectMeaning(bf16ToF32(every16), 8, 7);
  });

  test("every pattern survives the way to f32 and back, but that signalling NaNs become quiet", () => {
    const back = f32ToBf16(bf16ToF32(every16));
    for (const bits of every16) expect(back[bits]).toBe((bits & 0x7fff) > 0x7f80 ? bits | 0x40 : bits);
  });

  test("ties go to the even neighbour, all else to the nearer one", () => {
    for (let bits = 0; bits < 0x7f80; bits++) {
      const low = bits * 65536;
      const values = new Float32Array(Uint32Array.of(low + 0x7fff, low + 0x8000, low + 0x8001).buffer);
      expect([...f32ToBf16(values)]).toEqual([bits, bits + (bits % 2), bits + 1]);
    }
  });

  test("a NaN whose payload lies in the lower half stays a NaN", () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
    expect([...bf16ToF32(f32ToBf16(nan))]).toEqual([NaN, NaN]);
    expect([...f16ToF32(f32ToF16(nan))]).toEqual([NaN, NaN]);
  });
});

describe("8-bit floats", () => {
  test("E5M2 means the upper byte of a binary16", () => {
    expectMeaning(e5m2ToF32(every8), 5, 2);
  });

  test("E4M3 has no infinity, one NaN of each sign, and 448 as its largest number", () => {
    const values = e4m3ToF32(every8);
    expect(values[0x7e]).toBe(448);
    expect(values[0xfe]).toBe(-448);
    expect([...values].filter(Number.isNaN)).toHaveLength(2);
    expect(values[0x01]).toBe(2 ** -9);
    for (let bits = 0; bits < 0x78; bits++) expect(values[bits]).toBe(meaning(bits, 4, 3));
  });
});
