/** The layers that are timed, in place of which models, and at which sizes. */
import { cogVideoX2b, hunyuanVideo, type StepModel, turbo2k } from "../../../metrics/efficiency.ts";
import * as hunyuan from "../../../models/hunyuan/config.ts";

export type Size = readonly [frames: number, height: number, width: number];

export interface Subject {
  readonly model: StepModel;
  /** What is timed in place of the model's own layer, where that is not among our models. */
  readonly standIn?: string;
  readonly case: string;
  readonly config: Record<string, unknown>;
  readonly words: number;
  /** Whether the text is part of the sequence. */
  readonly isJoint: boolean;
  /** Token grids of the fit, and the one that checks it. */
  readonly sizes: readonly Size[];
  readonly check: Size;
}

const small: readonly Size[] = [
  [7, 10, 13],
  [7, 15, 17],
  [7, 17, 30],
];
const joint = { case: "joint-block", isJoint: true, sizes: small, check: [7, 24, 42] } as const;

export const subjects: readonly Subject[] = [
  {
    ...joint,
    model: cogVideoX2b,
    standIn: "a single block of HunyuanVideo at CogVideoX-2B's width: the same products and joint attention",
    config: hunyuan.toDiffusers({ ...hunyuan.hunyuanVideo, heads: 30, headWidth: 64, ropeAxes: [16, 24, 24] }),
    words: 226,
  },
  {
    ...joint,
    model: hunyuanVideo,
    standIn: "60 single blocks; 20 of HunyuanVideo's are double, with the same arithmetic for a video token",
    config: hunyuan.toDiffusers(hunyuan.hunyuanVideo),
    words: 256,
  },
  {
    model: turbo2k,
    case: "block",
    config: {},
    words: 128,
    isJoint: false,
    sizes: [...small, [7, 24, 42]],
    check: [7, 45, 40], // half a picture of 49 frames of 2560x1440
  },
];

const tinySizes: readonly Size[] = [
  [1, 2, 3],
  [2, 2, 3],
  [2, 4, 4],
];

/** Over a few tokens, with a case's smallest settings. */
export const tiny = (subject: Subject, config: Record<string, unknown>): Subject => ({
  ...subject,
  config,
  words: 4,
  sizes: tinySizes,
  check: [2, 4, 6],
});

/** Tokens of the sequence that a layer sees. */
export const sequence = ({ isJoint, words }: Subject, [frames, height, width]: Size): number =>
  frames * height * width + (isJoint ? words : 0);
