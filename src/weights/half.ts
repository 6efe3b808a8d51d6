/**
 * Narrow floats as bit patterns: binary16, bfloat16 and the two 8-bit formats. Widening is exact; narrowing rounds to
 * the nearest, ties to even, as hardware does. JavaScript has no 16-bit float array in the versions we support.
 */

/** The binary32 pattern of a small float with `mantissa` bits of fraction and the given exponent bias. */
function widen(bits: number, exponentBits: number, mantissa: number, hasInfinity: boolean): number {
  const bias = 2 ** (exponentBits - 1) - 1;
  const top = 2 ** exponentBits - 1;
  const sign = (bits >>> (exponentBits + mantissa)) & 1;
  const exponent = (bits >>> mantissa) & top;
  const fraction = bits & ((1 << mantissa) - 1);
  const shifted = fraction << (23 - mantissa);
  const word = (e: number, f: number): number => ((sign << 31) | (e << 23) | f) >>> 0;
  if (exponent === top && hasInfinity) return word(255, shifted);
  if (exponent === top && fraction === (1 << mantissa) - 1) return word(255, 0x400000); // E4M3: one NaN, no infinity
  if (exponent > 0) return word(exponent - bias + 127, shifted);
  if (fraction === 0) return word(0, 0);
  const lead = Math.clz32(fraction) - (31 - mantissa); // places to shift until the leading 1 is the hidden bit
  return word(1 - bias - lead + 127, (shifted << lead) & 0x7fffff);
}

const tables = new Map<string, Uint32Array>();

function table(key: string, length: number, entry: (bits: number) => number): Uint32Array {
  let found = tables.get(key);
  if (!found) tables.set(key, (found = Uint32Array.from({ length }, (_, bits) => entry(bits))));
  return found;
}

const f16Table = () => table("f16", 65536, (bits) => widen(bits, 5, 10, true));
const e4m3Table = () => table("e4m3", 256, (bits) => widen(bits, 4, 3, false));
const e5m2Table = () => table("e5m2", 256, (bits) => widen(bits, 5, 2, true));

/** Patterns are written as integers, because a NaN that passes through a float register may lose its payload. */
function lookUp(bits: Uint16Array | Uint8Array, from: Uint32Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = from[bits[i]!]!;
  return new Float32Array(out.buffer);
}

export const f16ToF32 = (bits: Uint16Array): Float32Array => lookUp(bits, f16Table());
/** F8_E4M3 is the variant without infinities (ONNX: FLOAT8E4M3FN). */
export const e4m3ToF32 = (bits: Uint8Array): Float32Array => lookUp(bits, e4m3Table());
export const e5m2ToF32 = (bits: Uint8Array): Float32Array => lookUp(bits, e5m2Table());

let f16Values: Float32Array | undefined;

/** One binary16 pattern as a number. */
export function f16Value(bits: number): number {
  f16Values ??= new Float32Array(f16Table().buffer);
  return f16Values[bits]!;
}

/** bfloat16 is the upper half of a binary32. */
export function bf16ToF32(bits: Uint16Array): Float32Array {
  const out = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = bits[i]! << 16;
  return new Float32Array(out.buffer);
}

/** Rounds to binary16. Beyond 65504 (from 65520 on) it is infinity; NaNs stay NaNs. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const sign = (word >>> 16) & 0x8000;
    const size = word & 0x7fffffff;
    if (size >= 0x38800000 && size < 0x47800000) {
      // From 2^-14 to below 2^16: rebias by 112, round away 13 bits. A carry runs into the exponent, as it should.
      out[i] = sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
    } else if (size >= 0x47800000) {
      out[i] = sign | (size > 0x7f800000 ? 0x7e00 | ((size >>> 13) & 0x3ff) : 0x7c00);
    } else if (size > 0x33000000) {
      // Above 2^-25, half of the smallest subnormal: count steps of 2^-24.
      const shift = 126 - (size >>> 23);
      const mantissa = (size & 0x7fffff) | 0x800000;
      out[i] = sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift);
    } else {
      out[i] = sign;
    }
  }
  return out;
}

/** Rounds to bfloat16; NaNs stay NaNs. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const nan = (word & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
}
