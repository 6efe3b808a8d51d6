/**
 * Adam's moments at rest: as they are, or with 8 bits a value in blocks of 256 with a scale each, so that one large value
 * spoils no more than its block (Dettmers et al. 2022, arXiv 2110.02861). An update widens them, moves them and narrows them.
 *
 * The paper looks codes up in a table of powers of ten. Ours follow a power of the code: its square for the first moment (with
 * a sign), its fourth power for the second. These need roots and no table, so that every device computes them in the same
 * graph, and they err less: on gradients, and on the roots of their squares, which updates divide by (`moments.test.ts` has
 * both). What is not zero never becomes a second moment of zero, whose root is divided by.
 */
import { packBytes, unpackBytes } from "../kernels/bytes.ts";
import { type HostTensor, hostTensor, type Shape, sizeOf } from "../tensor/dtype.ts";
import { concat, parameter, type Tensor } from "../tensor/tensor.ts";

export const momentStorages = ["f32", "int8"] as const;
export type MomentStorage = (typeof momentStorages)[number];
export type MomentKind = "first" | "second";

const block = 256;
/** Four codes lie in a word. */
const words = block / 4;
/** Smaller tensors (biases, norms) stay in f32, as in the paper. */
const least = 4096;

/** Codes 0 to 255 of values whose block's largest size is 1, and back. */
interface Map256 {
  readonly zero: number;
  encode(x: Tensor): Tensor;
  decode(code: Tensor): Tensor;
}

const maps: Record<MomentKind, Map256> = {
  first: {
    zero: 128,
    encode: (x) => x.sign().mul(x.abs().sqrt()).mul(127).add(128.5).floor(),
    decode: (code) => {
      const root = code.sub(128).mul(1 / 127);
      return root.mul(root.abs());
    },
  },
  second: {
    zero: 0,
    encode: (x) => {
      const code = x.sqrt().sqrt().mul(255).add(0.5).floor();
      return code.max(x.sign());
    },
    decode: (code) =>
      code
        .mul(1 / 255)
        .square()
        .square(),
  },
};

/** A moment's value in a program, and what state becomes of its next one. */
export interface Moment {
  readonly value: Tensor;
  next(value: Tensor): [state: Tensor, value: Tensor][];
}

const scaleName = (name: string): string => `${name}.scale`;

const isNarrow = (shape: Shape, storage: MomentStorage): boolean => storage === "int8" && sizeOf(shape) >= least;

/** The moment `name` of a parameter of this shape. */
export function momentOf(name: string, shape: Shape, kind: MomentKind, storage: MomentStorage): Moment {
  const held = (held: string, ...type: Parameters<typeof parameter>) =>
    Object.assign(parameter(...type), { name: held });
  if (!isNarrow(shape, storage)) {
    const value = held(name, shape);
    return { value, next: (moved) => [[value, moved]] };
  }
  const count = Math.ceil(sizeOf(shape) / block);
  const [codes, scale] = [held(name, [count, words], "i32"), held(scaleName(name), [count, 1])];
  const { encode, decode } = maps[kind];
  const values = decode(unpack(codes)).mul(scale);
  return {
    value: values
      .reshape(count * block)
      .slice(0, 0, sizeOf(shape))
      .reshape(...shape),
    next: (moved) => {
      const flat = moved.reshape(sizeOf(shape)).pad([0], [count * block - sizeOf(shape)]);
      const blocks = flat.reshape(count, block);
      const top = blocks.abs().amax(1, true);
      return [
        [codes, pack(encode(blocks.div(top.max(smallest))))],
        [scale, top],
      ];
    },
  };
}

/** A block of zeros is divided by this. */
const smallest = 1e-38;

/** Codes [n, 256] as words [n, 64]: those of the first quarter in the lowest bits. */
function pack(codes: Tensor): Tensor {
  const [a, b, c, d] = codes.chunk(4, 1) as [Tensor, Tensor, Tensor, Tensor];
  return packBytes([a, b, c, d.sub(128)]);
}

function unpack(words: Tensor): Tensor {
  const [a, b, c, d] = unpackBytes(words);
  return concat([a, b, c, d.add(128)], 1);
}

/** A moment of zero as state, by name. */
export function initialMoment(
  name: string,
  shape: Shape,
  kind: MomentKind,
  storage: MomentStorage,
): [name: string, value: HostTensor][] {
  if (!isNarrow(shape, storage)) return [[name, hostTensor(new Float32Array(sizeOf(shape)), shape)]];
  const count = Math.ceil(sizeOf(shape) / block);
  const { zero } = maps[kind];
  const word = zero + zero * 2 ** 8 + zero * 2 ** 16 + (zero - 128) * 2 ** 24;
  return [
    [name, hostTensor(new Int32Array(count * words).fill(word), [count, words])],
    [scaleName(name), hostTensor(new Float32Array(count), [count, 1])],
  ];
}

/** Whether state with these names holds the moment `name` of a parameter of this shape in this way. */
export const isKeptAs = (
  names: { has(name: string): boolean },
  name: string,
  shape: Shape,
  storage: MomentStorage,
): boolean => !names.has(name) || names.has(scaleName(name)) === isNarrow(shape, storage);

/** What a moment of a parameter of this shape takes. */
export const momentBytes = (shape: Shape, storage: MomentStorage): number =>
  isNarrow(shape, storage) ? Math.ceil(sizeOf(shape) / block) * (block + 4) : 4 * sizeOf(shape);
