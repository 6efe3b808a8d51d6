/**
 * Learned metrics by networks that the user hands in: what each network is fed, and what its answer means. None comes with
 * this project; sources and licences stand in docs/guides/evaluation.md.
 */
import { InputError } from "../../base/errors.ts";
import type { HostTensor } from "../../tensor/dtype.ts";
import type { Frame } from "../../video/frame.ts";
import { ConsistencyTally, cosine, unit } from "../consistency.ts";
import { middleFrames } from "../frame-picker.ts";
import { meanOf } from "../meter.ts";
import { channelOf } from "../plane.ts";
import { DoverViews, doverScores } from "./dover.ts";
import { clipInput, clipIqaInput, dinoInput, limitLongerSide, viclipInput } from "./inputs.ts";
import { musiqInput } from "./musiq.ts";

/** A network that is ready to run. */
export interface Network {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  run(feeds: Readonly<Record<string, HostTensor>>): Promise<Readonly<Record<string, HostTensor>>>;
}

/** What stands beside a network. */
export interface Companions {
  /** The linear head of aesthetic quality. */
  readonly head?: { readonly weights: readonly number[]; readonly bias: number } | undefined;
  /** CLIP-IQA's pairs of text embeddings: good, bad. */
  readonly pairs?: readonly (readonly [readonly number[], readonly number[]])[] | undefined;
  /** Text embeddings of prompts by the names of the videos. */
  readonly texts?: Readonly<Record<string, readonly number[]>> | undefined;
}

/** As `Meter`, but networks take their time. */
export interface LearnedMeter {
  take(frame: Frame, index: number): Promise<void>;
  figures(): Promise<Readonly<Record<string, number>>>;
}

export interface VideoAbout {
  /** The name that text embeddings are found under. */
  readonly name: string;
  readonly frames: number;
}

type Adapter = (network: Network, companions: Companions, about: VideoAbout) => LearnedMeter;

/** The network's answer to its only input, flat. */
async function answer(network: Network, value: HostTensor): Promise<Float64Array> {
  if (network.inputs.length !== 1)
    throw new InputError(`expected a network of one input, it has ${network.inputs.join(", ")}`);
  const results = await network.run({ [network.inputs[0]!]: value });
  return Float64Array.from(results[network.outputs[0]!]!.data as Float32Array);
}

/** One figure a frame, averaged. */
const eachFrame = (metric: string, score: (frame: Frame) => Promise<number>): LearnedMeter => {
  const scores: number[] = [];
  return {
    take: async (frame) => void scores.push(await score(frame)),
    figures: async () => (scores.length ? { [metric]: meanOf(scores) } : {}),
  };
};

/** VBench's consistency of one feature a frame. */
const consistency = (metric: string, feature: (frame: Frame) => Promise<Float64Array>): LearnedMeter => {
  const tally = new ConsistencyTally();
  return {
    take: async (frame) => tally.take(unit(await feature(frame))),
    figures: async (): Promise<Record<string, number>> => (Number.isNaN(tally.score) ? {} : { [metric]: tally.score }),
  };
};

const musiqScore = async (network: Network, planes: Parameters<typeof musiqInput>[0]): Promise<number> => {
  const results = await network.run({ ...musiqInput(planes) });
  return Number(results[network.outputs[0]!]!.data[0]);
};

const colours = (frame: Frame) => ([0, 1, 2] as const).map((channel) => channelOf(frame, channel));

/** Numbers of a class token in DINO's answer: [1, T, 768] or [1, 768]. */
const dinoWidth = 768;

export const adapters = {
  "vbench/subject_consistency": (network) =>
    consistency("vbench/subject_consistency", async (frame) =>
      (await answer(network, dinoInput(frame))).subarray(0, dinoWidth),
    ),
  "vbench/background_consistency": (network) =>
    consistency("vbench/background_consistency", (frame) => answer(network, clipInput(frame))),
  "vbench/aesthetic_quality": (network, { head }) => {
    if (!head)
      throw new InputError("aesthetic quality needs its linear head", { hint: 'add "head": "head.json" to its entry' });
    const weights = Float64Array.from(head.weights);
    return eachFrame("vbench/aesthetic_quality", async (frame) => {
      const embedding = unit(await answer(network, clipInput(frame)));
      if (embedding.length !== weights.length)
        throw new InputError(`the head takes ${weights.length} numbers, the network gives ${embedding.length}`);
      return (cosine(embedding, weights) + head.bias) / 10;
    });
  },
  "vbench/imaging_quality": (network) =>
    eachFrame("vbench/imaging_quality", async (frame) => (await musiqScore(network, limitLongerSide(frame))) / 100),
  musiq: (network) => eachFrame("musiq", (frame) => musiqScore(network, colours(frame))),
  clipiqa: (network, { pairs }) => {
    if (!pairs?.length)
      throw new InputError("CLIP-IQA needs its text embeddings", { hint: 'add "pairs": "pairs.json" to its entry' });
    return eachFrame("clipiqa", async (frame) => {
      const image = unit(await answer(network, clipIqaInput(frame)));
      const logit = (text: readonly number[]) => 100 * cosine(image, unit(Float64Array.from(text)));
      return meanOf(pairs.map(([good, bad]) => 1 / (1 + Math.exp(logit(bad) - logit(good)))));
    });
  },
  "vbench/overall_consistency": (network, { texts }, { name, frames }) => {
    const text = texts?.[name];
    if (!text)
      throw new InputError(`there is no text embedding for ${name}`, {
        hint: 'add "texts": "texts.json" to its entry',
      });
    const wanted = middleFrames(frames, 8);
    const kept = new Map<number, Frame>();
    return {
      take: async (frame, index) => void (wanted.includes(index) && kept.set(index, frame)),
      figures: async () => {
        const video = unit(await answer(network, viclipInput(wanted.map((index) => kept.get(index)!))));
        return { "vbench/overall_consistency": cosine(video, unit(Float64Array.from(text))) };
      },
    };
  },
  dover: (network, _, { frames }) => {
    const draws = [0, 1, 2, 3].map((seed) => new DoverViews(frames, seed));
    return {
      take: async (frame, index) => {
        for (const draw of draws) draw.take(frame, index);
      },
      figures: async () => {
        const raw: { aesthetic: number; technical: number }[] = [];
        for (const draw of draws) {
          const { aesthetic, technical } = draw.tensors();
          const results = await network.run({ aes_view: aesthetic, tech_view: technical });
          const mean = (at: number) => meanOf(Array.from(results[network.outputs[at]!]!.data as Float32Array));
          raw.push({ aesthetic: mean(0), technical: mean(1) });
        }
        const one = { aesthetic: meanOf(raw.map((r) => r.aesthetic)), technical: meanOf(raw.map((r) => r.technical)) };
        const { intended, asPublished } = doverScores(one);
        return {
          "dover/raw_aesthetic": one.aesthetic,
          "dover/raw_technical": one.technical,
          "dover/intended_aesthetic": intended.aesthetic,
          "dover/intended_technical": intended.technical,
          "dover/intended_overall": intended.overall,
          "dover/script_as_published_aesthetic": asPublished.aesthetic,
          "dover/script_as_published_technical": asPublished.technical,
        };
      },
    };
  },
} as const satisfies Record<string, Adapter>;

export type LearnedMetric = keyof typeof adapters;
export const learnedMetrics = Object.keys(adapters) as [LearnedMetric, ...LearnedMetric[]];

export const openLearned = (
  metric: LearnedMetric,
  network: Network,
  companions: Companions,
  about: VideoAbout,
): LearnedMeter => (adapters[metric] as Adapter)(network, companions, about);
