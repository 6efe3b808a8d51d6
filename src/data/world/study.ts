import { hashText, Random } from "../../base/philox.ts";
import { type Colour, colours } from "./scene.ts";

/**
 * The flat sibling of the world, for controlled studies: plane figures with coarse and fine fills that drift or turn over a
 * quiet background. Coarse fills survive a halving of the size, fine ones do not: only a model that adds detail gets
 * them right. Lengths are parts of the picture's height.
 */
export const figures = ["circle", "square", "triangle", "cross"] as const;
export const fills = ["plain", "horizontal stripes", "vertical stripes", "checks", "dots"] as const;
export const grains = ["coarse", "fine"] as const;
export const drifts = ["still", "left", "right", "up", "down", "clockwise"] as const;
export const speeds = ["slow", "fast"] as const;
export const backgrounds = ["plain", "gradient", "grain"] as const;
export const backgroundColours = ["grey", "sand", "moss", "clay"] as const;
export const places = ["left of", "right of", "above", "below"] as const;

export type FigureShape = (typeof figures)[number];
export type Fill = (typeof fills)[number];
export type Grain = (typeof grains)[number];
export type Drift = (typeof drifts)[number];
export type Place = (typeof places)[number];

export interface Figure {
  readonly shape: FigureShape;
  readonly colour: Colour;
  readonly fill: Fill;
  /** `coarse` too when the fill is plain. */
  readonly grain: Grain;
  readonly size: "small" | "large";
  readonly motion: Drift;
  readonly speed: (typeof speeds)[number];
  /** Half its height, and the length of one period of its fill (0 when plain). */
  readonly radius: number;
  readonly period: number;
  /** Centre at the middle of the clip, from the middle of the picture, y up. */
  readonly x: number;
  readonly y: number;
  /** Angle at the start, radians; how far it drifts, or how far it turns (radians). */
  readonly angle: number;
  readonly travel: number;
}

export interface StudyScene {
  readonly figures: readonly Figure[];
  /** Of the first figure to the second. */
  readonly place: Place | undefined;
  readonly background: (typeof backgrounds)[number];
  readonly tone: (typeof backgroundColours)[number];
  /** Seed of the background's grain. */
  readonly seed: number;
}

/** Which scenes a study is of. */
export interface StudyWorld {
  /** Picture height in pixels at which fine fills have a period of 3 pixels and coarse ones of 8. */
  readonly detail: number;
  /** `close`: one large figure of few kinds on a plain ground, so that pictures of 32 rows show what it is and small models learn it. */
  readonly scenes: "all" | "close";
}

const everything: StudyWorld = { detail: 128, scenes: "all" };

/** Whether pixels can show that this figure turns: a disc needs a coarse fill; dots on it move too little to tell. */
export const turnShows = (shape: FigureShape, fill: Fill, grain: Grain): boolean =>
  shape !== "circle" || (fill !== "plain" && fill !== "dots" && grain === "coarse");

/** A scene at random. */
export function drawStudy(random: Random, { detail, scenes } = everything): StudyScene {
  if (scenes === "close") return drawClose(random, detail);
  const pair = random.chance(0.25);
  const place = pair ? random.pick(places) : undefined;
  const first = drawFigure(random, detail, pair);
  const second = pair ? { ...drawFigure(random, detail, pair), motion: "still" as const, travel: 0 } : undefined;
  const gap = 0.24;
  const [x, y] =
    place === "left of" ? [-gap, 0] : place === "right of" ? [gap, 0] : place === "above" ? [0, gap] : [0, -gap];
  return {
    figures: second
      ? [
          { ...first, x, y },
          { ...second, x: -x, y: -y },
        ]
      : [first],
    place,
    background: random.pick(backgrounds),
    tone: random.pick(backgroundColours),
    seed: 1 + random.below(2 ** 30),
  };
}

function drawFigure(random: Random, detail: number, pair: boolean): Figure {
  const shape = random.pick(figures),
    colour = random.pick(colours),
    fill = random.pick(fills),
    grain = fill === "plain" ? "coarse" : random.pick(grains),
    size = random.pick(["small", "large"] as const),
    speed = random.pick(speeds);
  let motion = random.pick(drifts);
  // Two figures keep their places: the first may turn.
  if (pair && motion !== "clockwise") motion = "still";
  if (motion === "clockwise" && !turnShows(shape, fill, grain)) motion = "still";
  const fast = speed === "fast";
  const radius = (size === "large" ? random.between(0.21, 0.23) : random.between(0.13, 0.145)) * (pair ? 0.8 : 1);
  return {
    shape,
    colour,
    fill,
    grain,
    size,
    motion,
    speed,
    radius,
    period: periodOf(fill, grain, detail),
    x: random.between(-0.06, 0.06),
    y: random.between(-0.06, 0.06),
    angle: 0,
    travel: motion === "still" ? 0 : motion === "clockwise" ? (fast ? 1.2 : 0.55) : fast ? 0.36 : 0.16,
  };
}

/** Colours, fills and motions of close figures. */
const close = {
  colours: ["red", "yellow", "green", "blue"],
  fills: ["plain", "horizontal stripes", "vertical stripes"],
  drifts: ["still", "left", "right", "up", "down"],
} as const;

/**
 * One figure as large and as near the middle as it can move without touching the sides of the picture, of which detectors take the
 * background.
 */
function drawClose(random: Random, detail: number): StudyScene {
  const fill = random.pick(close.fills);
  const grain = fill === "plain" ? "coarse" : random.pick(grains);
  const motion = random.pick(close.drifts);
  const figure: Figure = {
    shape: random.pick(figures),
    colour: random.pick(close.colours),
    fill,
    grain,
    size: "large",
    motion,
    speed: "fast",
    radius: 0.235,
    period: periodOf(fill, grain, detail),
    x: random.between(-0.01, 0.01),
    y: random.between(-0.01, 0.01),
    angle: 0,
    travel: motion === "still" ? 0 : 0.32,
  };
  const tone = random.pick(backgroundColours);
  return { figures: [figure], place: undefined, background: "plain", tone, seed: 1 + random.below(2 ** 30) };
}

/** In parts of the height. */
const periodOf = (fill: Fill, grain: Grain, detail: number): number =>
  fill === "plain" ? 0 : (grain === "fine" ? 3 : 8) / detail;

/** Training leaves out a fifth of the (shape, colour, fill) triples and of the (shape, motion) pairs, chosen by hash. */
export function isStudyHeldOut(scene: StudyScene): boolean {
  const one = (row: string, shape: FigureShape): boolean => hashText(`${row} ${shape}`) % 5 === 0;
  return scene.figures.some(
    ({ shape, colour, fill, motion }) => one(`${colour} ${fill}`, shape) || (motion !== "still" && one(motion, shape)),
  );
}

const fillWords: Record<Fill, string> = {
  plain: "plain",
  "horizontal stripes": "with horizontal stripes",
  "vertical stripes": "with vertical stripes",
  checks: "with checks",
  dots: "with dots",
};
const driftWords: Record<Drift, string> = {
  still: "stands still",
  left: "moves left",
  right: "moves right",
  up: "moves up",
  down: "moves down",
  clockwise: "turns clockwise",
};

/** A caption from one of four templates; each optional attribute is left out one time in ten (`drop`). */
export function studyCaption(scene: StudyScene, random: Random, drop = 0.1): string {
  const keep = (words: string | undefined): string | undefined => (random.chance(drop) ? undefined : words);
  const join = (parts: readonly (string | undefined)[]): string => parts.filter(Boolean).join(" ");
  const name = ({ size, colour, fill, grain, shape }: Figure): string => {
    const look = fill === "plain" ? undefined : keep(fillWords[fill].replace("with", `with ${grain}`));
    const words = join([keep(size), keep(colour), shape, look]);
    return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
  };
  const [first, second] = scene.figures;
  const { motion, speed } = first!;
  const move = keep(driftWords[motion]);
  const moves = move && (motion === "still" ? move : join([move, keep(speed === "fast" ? "fast" : "slowly")]));
  const what = join([name(first!), second && scene.place && `${scene.place} ${name(second)}`]);
  const where = keep(`on a ${scene.background} ${scene.tone} background`);
  const templates = [
    join([what, moves, where]),
    join([where && `${where},`, what, moves]),
    join(["a video of", what, moves && `that ${moves}`, where]),
    [what, moves, where].filter(Boolean).join(", "),
  ];
  return random.pick(templates);
}

/** The scene and caption number `index` of the study's endless list. */
export function studyAt(
  seed: number,
  index: number,
  world = everything,
  split: "train" | "all" = "train",
): { scene: StudyScene; caption: string } {
  const random = new Random((seed >>> 0) + (hashText("study") >>> 11) * 2 ** 32, index);
  let scene = drawStudy(random, world);
  while (split === "train" && isStudyHeldOut(scene)) scene = drawStudy(random, world);
  return { scene, caption: studyCaption(scene, random) };
}

/** The fixed test list: 60 scenes of seen and 60 of held-out combinations, alternating, with captions that say all. */
export function studyPrompts(world = everything): { prompt: string; scene: StudyScene; heldOut: boolean }[] {
  const lists: { prompt: string; scene: StudyScene; heldOut: boolean }[][] = [[], []];
  const random = new Random(120, "study test prompts");
  while (lists.some((list) => list.length < 60)) {
    const scene = drawStudy(random, world);
    const heldOut = isStudyHeldOut(scene);
    const list = lists[heldOut ? 1 : 0]!;
    if (list.length < 60) list.push({ prompt: studyCaption(scene, random, 0), scene, heldOut });
  }
  return lists[0]!.flatMap((prompt, index) => [prompt, lists[1]![index]!]);
}

/** Every word that captions are made of, and the comma. */
export function studyVocabulary(): string[] {
  const lists = [figures, fills, grains, speeds, backgrounds, backgroundColours, places, colours];
  const phrases = [...lists.flat(), ...Object.values(fillWords), ...Object.values(driftWords)];
  const others = ["a", "an", "small", "large", "slowly", "on", "background", "video", "of", "that", ","];
  return [...new Set([...phrases.flatMap((phrase) => phrase.split(" ")), ...others])].sort();
}
