/**
 * The block formats of ggml: a fixed number of neighbouring weights share scales. Each `decode` writes the elements of
 * one block. Layouts as in ggml (ggml-common.h, ggml-quants.c); `quantised.test.ts` holds them against the gguf package.
 */
import { f16Value } from "./half.ts";

interface BlockFormat {
  /** Weights in a block. */
  readonly elements: number;
  readonly bytes: number;
  /** `block` is exactly one block, `out` exactly its elements. */
  decode(block: Uint8Array, out: Float32Array): void;
}

const half = (block: Uint8Array, at: number): number => f16Value(block[at]! | (block[at + 1]! << 8));
const signed = (byte: number): number => (byte << 24) >> 24;

/** 32 weights: 16 bytes hold the low nibbles first, then the high ones; `high` adds the fifth bit. */
function nibbles(out: Float32Array, block: Uint8Array, at: number, value: (q: number, i: number) => number): void {
  for (let i = 0; i < 16; i++) {
    out[i] = value(block[at + i]! & 15, i);
    out[i + 16] = value(block[at + i]! >> 4, i + 16);
  }
}

/** Bit `i` of the four bytes at `at`, as the fifth bit of a number. */
const fifth = (block: Uint8Array, at: number, i: number): number => ((block[at + (i >> 3)]! >> (i & 7)) & 1) << 4;

/** The eight 6-bit scales and the eight 6-bit minima that Q4_K and Q5_K pack into 12 bytes. */
function scaleAndMin(block: Uint8Array, at: number, j: number): [scale: number, min: number] {
  const byte = (k: number): number => block[at + k]!;
  if (j < 4) return [byte(j) & 63, byte(j + 4) & 63];
  return [(byte(j + 4) & 15) | ((byte(j - 4) >> 6) << 4), (byte(j + 4) >> 4) | ((byte(j) >> 6) << 4)];
}

/** Q4_K and Q5_K: 8 runs of 32 weights, two runs to 32 bytes of nibbles at `low`; `high` holds a fifth bit a run. */
function decodeRuns(block: Uint8Array, out: Float32Array, low: number, high: number | undefined): void {
  const d = half(block, 0);
  const dMin = half(block, 2);
  for (let run = 0; run < 8; run++) {
    const [scale, min] = scaleAndMin(block, 4, run);
    const [step, shift] = [d * scale, dMin * min];
    for (let i = 0; i < 32; i++) {
      const nibble = (block[low + (run >> 1) * 32 + i]! >> (4 * (run & 1))) & 15;
      const bit = high === undefined ? 0 : ((block[high + i]! >> run) & 1) << 4;
      out[run * 32 + i] = step * (nibble | bit) - shift;
    }
  }
}

export const blockFormats = {
  Q4_0: {
    elements: 32,
    bytes: 18,
    decode(block, out) {
      const d = half(block, 0);
      nibbles(out, block, 2, (q) => d * (q - 8));
    },
  },
  Q4_1: {
    elements: 32,
    bytes: 20,
    decode(block, out) {
      const [d, min] = [half(block, 0), half(block, 2)];
      nibbles(out, block, 4, (q) => d * q + min);
    },
  },
  Q5_0: {
    elements: 32,
    bytes: 22,
    decode(block, out) {
      const d = half(block, 0);
      nibbles(out, block, 6, (q, i) => d * ((q | fifth(block, 2, i)) - 16));
    },
  },
  Q5_1: {
    elements: 32,
    bytes: 24,
    decode(block, out) {
      const [d, min] = [half(block, 0), half(block, 2)];
      nibbles(out, block, 8, (q, i) => d * (q | fifth(block, 4, i)) + min);
    },
  },
  Q8_0: {
    elements: 32,
    bytes: 34,
    decode(block, out) {
      const d = half(block, 0);
      for (let i = 0; i < 32; i++) out[i] = d * signed(block[2 + i]!);
    },
  },
  /** 2 bits in 16 runs of 16, each with a 4-bit scale and a 4-bit minimum. */
  Q2_K: {
    elements: 256,
    bytes: 84,
    decode(block, out) {
      const [d, dMin] = [half(block, 80), half(block, 82)];
      for (let i = 0; i < 256; i++) {
        const scale = block[i >> 4]!;
        out[i] = d * (scale & 15) * twoBits(block, 16, i) - dMin * (scale >> 4);
      }
    },
  },
  /** 3 bits, the third apart and inverted (0 means minus 4), in 16 runs of 16 with a signed 6-bit scale. */
  Q3_K: {
    elements: 256,
    bytes: 110,
    decode(block, out) {
      const d = half(block, 108);
      for (let i = 0; i < 256; i++) {
        const run = i >> 4;
        const low = (block[96 + (run & 7)]! >> (run < 8 ? 0 : 4)) & 15;
        const scale = (low | (((block[104 + (run & 3)]! >> (2 * (run >> 2))) & 3) << 4)) - 32;
        const third = (block[i & 31]! >> (i >> 5)) & 1;
        out[i] = d * scale * (twoBits(block, 32, i) - (third ? 0 : 4));
      }
    },
  },
  Q4_K: { elements: 256, bytes: 144, decode: (block, out) => decodeRuns(block, out, 16, undefined) },
  Q5_K: { elements: 256, bytes: 176, decode: (block, out) => decodeRuns(block, out, 48, 16) },
  /** 6 bits: nibbles, then pairs of bits, then 16 signed scales. */
  Q6_K: {
    elements: 256,
    bytes: 210,
    decode(block, out) {
      const d = half(block, 208);
      for (let i = 0; i < 256; i++) {
        const [side, place] = [i >> 7, i & 127];
        const nibble = (block[side * 64 + (place & 63)]! >> (place < 64 ? 0 : 4)) & 15;
        const top = (block[128 + side * 32 + (place & 31)]! >> (2 * (place >> 5))) & 3;
        out[i] = d * signed(block[192 + (i >> 4)]!) * ((nibble | (top << 4)) - 32);
      }
    },
  },
} as const satisfies Record<string, BlockFormat>;

/** The 2-bit field of weight `i`: each 32 bytes hold four runs of 32, lowest bits first. */
const twoBits = (block: Uint8Array, at: number, i: number): number =>
  (block[at + (i >> 7) * 32 + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;

export type BlockType = keyof typeof blockFormats;

export const isBlockType = (name: string): name is BlockType => Object.hasOwn(blockFormats, name);

/** Whole blocks as f32, rounded once an element. */
export function dequantise(bytes: Uint8Array, type: BlockType): Float32Array {
  const { elements, bytes: width, decode }: BlockFormat = blockFormats[type];
  const blocks = bytes.byteLength / width;
  const out = new Float32Array(blocks * elements);
  for (let i = 0; i < blocks; i++)
    decode(bytes.subarray(i * width, (i + 1) * width), out.subarray(i * elements, (i + 1) * elements));
  return out;
}
