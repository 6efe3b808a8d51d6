import { attention } from "../../../kernels/attention.ts";
import { Int8Linear } from "../../../nn/int8-linear.ts";
import { Linear } from "../../../nn/linear.ts";
import { mount } from "../../../tensor/mount.ts";
import { gradients } from "../../../tensor/reverse.ts";
import { input, type Tensor } from "../../../tensor/tensor.ts";
import { type BenchCase, Feeds, made } from "./case.ts";

const matmul: BenchCase = {
  name: "matmul",
  sizes: "M,K,N",
  shape: [3570, 2048, 8192],
  tiny: [5, 6, 7],
  trace(shape) {
    const [m, k, n] = shape as [number, number, number];
    const feeds = new Feeds();
    return { outputs: { product: feeds.normal("a", [m, k]).matmul(feeds.normal("b", [k, n])) }, feeds: feeds.values };
  },
};

/** A linear layer whose weight lies in 8 bits and whose input is quantised on the way. */
const matmulInt8: BenchCase = {
  ...matmul,
  name: "matmul-w8a8",
  trace(shape) {
    const [m, k, n] = shape as [number, number, number];
    const model = mount(new Int8Linear(new Linear(k, n, { bias: false })));
    const feeds = new Feeds();
    return { outputs: { product: model.forward(feeds.normal("a", [m, k])) }, feeds: feeds.values, model };
  },
};

const attentionCase: BenchCase = {
  name: "attention",
  sizes: "batch,heads,tokens,head width",
  shape: [1, 32, 3570, 64],
  tiny: [1, 2, 5, 4],
  trace(shape) {
    const [batch, heads, tokens, width] = shape as [number, number, number, number];
    const feeds = new Feeds();
    const [q, k, v] = ["q", "k", "v"].map((name) => feeds.normal(name, [batch, tokens, heads * width]));
    return { outputs: { mixed: attention(q!, k!, v!, { heads, scale: width ** -0.5 }) }, feeds: feeds.values };
  },
};

const attentionTraining: BenchCase = {
  ...attentionCase,
  name: "attention-training",
  trace(shape) {
    const { outputs, feeds } = attentionCase.trace(shape, {});
    const mixed = outputs["mixed"]!;
    const g = input("g", mixed.shape);
    const [q, k, v] = gradients(mixed, mixed.inputs, g) as [Tensor, Tensor, Tensor];
    return { outputs: { mixed, q, k, v }, feeds: { ...feeds, g: made(mixed.shape) } };
  },
};

const conv3d: BenchCase = {
  name: "conv3d",
  sizes: "batch,in,out,frames,height,width; 3x3x3",
  shape: [1, 128, 128, 9, 68, 120],
  tiny: [1, 2, 3, 2, 4, 5],
  trace(shape) {
    const [batch, inner, outer, ...places] = shape as [number, number, number, number, number, number];
    const feeds = new Feeds();
    const x = feeds.normal("x", [batch, inner, ...places]);
    const weight = feeds.normal("weight", [outer, inner, 3, 3, 3]);
    const around: [number, number] = [1, 1];
    return { outputs: { y: x.conv(weight, { padding: [around, around, around] }) }, feeds: feeds.values };
  },
};

export const kernelCases: readonly BenchCase[] = [matmul, matmulInt8, attentionCase, attentionTraining, conv3d];
