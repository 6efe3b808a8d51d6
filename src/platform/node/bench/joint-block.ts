/** A layer in which video and text are one sequence: HunyuanVideo's single block. */
import { SingleBlock } from "../../../models/hunyuan/blocks.ts";
import { fromDiffusers, hunyuanVideo, toDiffusers, widthOf } from "../../../models/hunyuan/config.ts";
import { ropeTables, tokensOf } from "../../../models/hunyuan/rope.ts";
import { mount } from "../../../tensor/mount.ts";
import { concat, fill } from "../../../tensor/tensor.ts";
import { type BenchCase, Feeds } from "./case.ts";
import type { Five } from "./model-cases.ts";

export const jointBlock: BenchCase = {
  name: "joint-block",
  sizes: "batch,frames,height,width (tokens),words",
  shape: [1, 7, 17, 30, 256],
  tiny: [1, 2, 2, 3, 4],
  tinyConfig: toDiffusers({ ...hunyuanVideo, heads: 2, headWidth: 8, ropeAxes: [4, 2, 2] }),
  config: async () => toDiffusers(hunyuanVideo),
  trace(shape, json) {
    const [batch, frames, height, width, words] = shape as Five;
    const grid = { frames, height, width };
    const config = fromDiffusers(json);
    const model = mount(new SingleBlock(config));
    const tables = ropeTables(grid, config);
    const feeds = new Feeds();
    const still = (value: number) => fill(value, [words, tables.cos.shape[1]!]);
    const rope = {
      cos: concat([feeds.add("cos", tables.cos), still(1)], 0),
      sin: concat([feeds.add("sin", tables.sin), still(0)], 0),
    };
    const out = model.forward(feeds.normal("x", [batch, tokensOf(grid) + words, widthOf(config)]), {
      condition: feeds.normal("condition", [batch, widthOf(config)]),
      rope,
      bias: undefined,
    });
    return { outputs: { out }, feeds: feeds.values, model };
  },
};
