/**
 * The block formats of ggml: a fixed number of neighbouring weights share scales. Each `decode` writes the elements of
 * one block. Layouts as in ggml (ggml-common.h, ggml-quants.c); `gguf.test.ts` holds them against the gguf package.
 */
import { f16Value } from "./half.ts";

interface BlockFormat {
  /** Weights in a block. */
  readonly elements: number;
  readonly bytes: number;
  /** Reads the block that begins at `at` and writes its elements from `to` on. */
  decode(bytes: Uint8Array, at: number, out: Float32Array, to: number): void;
}

const half = (bytes: Uint8Array, at: number): number => f16Value(bytes[at]! | (bytes[at + 1]! << 8));
const signed = (byte: number): number => (byte << 24) >> 24;

/** Bit `i` of the four bytes at `at`, as the fifth bit of a number. */
const fifth = (bytes: Uint8Array, at: number, i: number): number => ((bytes[at + (i >> 3)]! >> (i & 7)) & 1) << 4;

/**
 * 32 weights d·q + m of 4 or 5 bits: 16 bytes hold the low nibbles first, then the high ones; fifth bits lie apart.
 * Formats without a minimum count from the middle instead.
 */
const nibbles = ({ min, fifths }: { min: boolean; fifths: boolean }): BlockFormat["decode"] => {
  const top = min ? 4 : 2; // behind the scales
  const low = top + (fifths ? 4 : 0);
  const middle = min ? 0 : fifths ? 16 : 8;
  return (bytes, at, out, to) => {
    const d = half(bytes, at);
    const m = min ? half(bytes, at + 2) : -0; // x + -0 is x, a negative zero too
    for (let i = 0; i < 16; i++) {
      const byte = bytes[at + low + i]!;
      const [a, b] = fifths ? [fifth(bytes, at + top, i), fifth(bytes, at + top, i + 16)] : [0, 0];
      out[to + i] = d * (((byte & 15) | a) - middle) + m;
      out[to + i + 16] = d * (((byte >> 4) | b) - middle) + m;
    }
  };
};

/**
 * Q4_K and Q5_K: 8 runs of 32 weights, two runs to 32 bytes of nibbles at `low`; `high` holds a fifth bit a run. Twelve
 * bytes pack the eight 6-bit scales and the eight 6-bit minima.
 */
const runs = ({ low, high }: { low: number; high?: number }): BlockFormat["decode"] => {
  return (bytes, at, out, to) => {
    const d = half(bytes, at);
    const dMin = half(bytes, at + 2);
    const packed = (k: number): number => bytes[at + 4 + k]!;
    for (let run = 0; run < 8; run++) {
      const scale = run < 4 ? packed(run) & 63 : (packed(run + 4) & 15) | ((packed(run - 4) >> 6) << 4);
      const min = run < 4 ? packed(run + 4) & 63 : (packed(run + 4) >> 4) | ((packed(run) >> 6) << 4);
      const [step, shift] = [d * scale, dMin * min];
      for (let i = 0; i < 32; i++) {
        const nibble = (bytes[at + low + (run >> 1) * 32 + i]! >> (4 * (run & 1))) & 15;
        const bit = high === undefined ? 0 : ((bytes[at + high + i]! >> run) & 1) << 4;
        out[to + run * 32 + i] = step * (nibble | bit) - shift;
      }
    }
  };
};

/** The 2-bit field of weight `i`: each 32 bytes hold four runs of 32, lowest bits first. */
const twoBits = (bytes: Uint8Array, at: number, i: number): number =>
  (bytes[at + (i >> 7) * 32 + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;

export const blockFormats = {
  Q4_0: { elements: 32, bytes: 18, decode: nibbles({ min: false, fifths: false }) },
  Q4_1: { elements: 32, bytes: 20, decode: nibbles({ min: true, fifths: false }) },
  Q5_0: { elements: 32, bytes: 22, decode: nibbles({ min: false, fifths: true }) },
  Q5_1: { elements: 32, bytes: 24, decode: nibbles({ min: true, fifths: true }) },
  Q8_0: {
    elements: 32,
    bytes: 34,
    decode(bytes, at, out, to) {
      const d = half(bytes, at);
      for (let i = 0; i < 32; i++) out[to + i] = d * signed(bytes[at + 2 + i]!);
    },
  },
  /** 2 bits in 16 runs of 16, each with a 4-bit scale and a 4-bit minimum. */
  Q2_K: {
    elements: 256,
    bytes: 84,
    decode(bytes, at, out, to) {
      const [d, dMin] = [half(bytes, at + 80), half(bytes, at + 82)];
      for (let run = 0; run < 16; run++) {
        const [step, shift] = [d * (bytes[at + run]! & 15), dMin * (bytes[at + run]! >> 4)];
        for (let i = 16 * run; i < 16 * run + 16; i++) out[to + i] = step * twoBits(bytes, at + 16, i) - shift;
      }
    },
  },
  /** 3 bits, the third apart and inverted (0 means minus 4), in 16 runs of 16 with a signed 6-bit scale. */
  Q3_K: {
    elements: 256,
    bytes: 110,
    decode(bytes, at, out, to) {
      const d = half(bytes, at + 108);
      for (let run = 0; run < 16; run++) {
        const low = (bytes[at + 96 + (run & 7)]! >> (run < 8 ? 0 : 4)) & 15;
        const high = (bytes[at + 104 + (run & 3)]! >> (2 * (run >> 2))) & 3;
        const step = d * ((low | (high << 4)) - 32);
        for (let i = 16 * run; i < 16 * run + 16; i++) {
          const third = (bytes[at + (i & 31)]! >> (i >> 5)) & 1;
          out[to + i] = step * (twoBits(bytes, at + 32, i) - (third ? 0 : 4));
        }
      }
    },
  },
  Q4_K: { elements: 256, bytes: 144, decode: runs({ low: 16 }) },
  Q5_K: { elements: 256, bytes: 176, decode: runs({ low: 48, high: 16 }) },
  /** 6 bits: nibbles, then pairs of bits, then 16 signed scales. */
  Q6_K: {
    elements: 256,
    bytes: 210,
    decode(bytes, at, out, to) {
      const d = half(bytes, at + 208);
      for (let run = 0; run < 16; run++) {
        const step = d * signed(bytes[at + 192 + run]!);
        const [side, shift] = [run >> 3, run & 4];
        for (let i = 16 * run; i < 16 * run + 16; i++) {
          const nibble = (bytes[at + side * 64 + (i & 63)]! >> shift) & 15;
          const top = (bytes[at + 128 + side * 32 + (i & 31)]! >> (2 * ((i >> 5) & 3))) & 3;
          out[to + i] = step * ((nibble | (top << 4)) - 32);
        }
      }
    },
  },
} as const satisfies Record<string, BlockFormat>;

export type BlockType = keyof typeof blockFormats;

export const isBlockType = (name: string): name is BlockType => Object.hasOwn(blockFormats, name);

/** Whole blocks as f32, rounded once an element. */
export function dequantise(bytes: Uint8Array, type: BlockType): Float32Array {
  const { elements, bytes: width, decode }: BlockFormat = blockFormats[type];
  const blocks = bytes.byteLength / width;
  const out = new Float32Array(blocks * elements);
  for (let i = 0; i < blocks; i++) decode(bytes, i * width, out, i * elements);
  return out;
}
