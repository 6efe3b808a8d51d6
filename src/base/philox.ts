/**
 * Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): random bits as a pure
 * function of (key, counter), so that a seed means the same on every device and in every order of evaluation.
 */
const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

const low = (a: number, b: number): number => Math.imul(a, b) >>> 0;

/** The upper 32 bits of an unsigned 32 x 32 bit product. */
function high(a: number, b: number): number {
  const aLow = a & 0xffff,
    aHigh = a >>> 16,
    bLow = b & 0xffff,
    bHigh = b >>> 16;
  const cross = aHigh * bLow + ((aLow * bLow) >>> 16);
  const mid = (cross & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(cross / 65536) + Math.floor(mid / 65536)) >>> 0;
}

/** One block of four 32-bit words; `counter` has four words, `key` two. Writes into `out`. */
export function philox(counter: readonly number[], key: readonly [number, number], out: Uint32Array): void {
  let [c0, c1, c2, c3] = counter as [number, number, number, number];
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const h0 = high(M0, c0),
      l0 = low(M0, c0),
      h1 = high(M1, c2),
      l1 = low(M1, c2);
    [c0, c1, c2, c3] = [(h1 ^ c1 ^ k0) >>> 0, l1, (h0 ^ c3 ^ k1) >>> 0, l0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/**
 * A stream of random numbers addressed by (seed, stream name or number, index). Two streams of one seed are
 * independent; reading order does not matter.
 */
export class Random {
  readonly #key: [number, number];
  readonly #stream: number;
  readonly #block = new Uint32Array(4);
  #position = 0;

  constructor(seed: number, stream: number | string = 0) {
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    this.#stream = typeof stream === "number" ? stream >>> 0 : hashText(stream);
  }

  /** The next 32 random bits. */
  bits(): number {
    if (this.#position % 4 === 0) {
      const block = this.#position / 4;
      philox([block >>> 0, Math.floor(block / 2 ** 32), this.#stream, 0], this.#key, this.#block);
    }
    return this.#block[this.#position++ % 4]!;
  }

  /** Uniform in [0, 1) with 24 bits, exact in f32. */
  uniform(): number {
    return (this.bits() >>> 8) / 2 ** 24;
  }

  /** Uniform in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform();
  }

  /** Uniform integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  chance(probability: number): boolean {
    return this.uniform() < probability;
  }

  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

/** FNV-1a, to turn a stream's name into its number. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * `count` standard normal numbers for (seed, stream), by Box-Muller on consecutive pairs of words: element i
 * depends on i alone. Rounded to f32 at the end only.
 */
export function gaussian(count: number, seed: number, stream: number | string = 0): Float32Array {
  const out = new Float32Array(count);
  const key: [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  const id = typeof stream === "number" ? stream >>> 0 : hashText(stream);
  const block = new Uint32Array(4);
  for (let index = 0; index < count; index += 4) {
    philox([index / 4, 0, id, 1], key, block);
    for (let pair = 0; pair < 4; pair += 2) {
      const radius = Math.sqrt(-2 * Math.log((block[pair]! + 1) / 2 ** 32));
      const angle = (2 * Math.PI * block[pair + 1]!) / 2 ** 32;
      if (index + pair < count) out[index + pair] = radius * Math.cos(angle);
      if (index + pair + 1 < count) out[index + pair + 1] = radius * Math.sin(angle);
    }
  }
  return out;
}
