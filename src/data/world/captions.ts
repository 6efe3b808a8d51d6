import type { Random } from "../../base/philox.ts";
import type { Body, Camera, Colour, Ground, Material, Motion, Relation, Scene, Shape, Size, Sky } from "./scene.ts";

/**
 * How attributes are said: the first phrase of each list is the plain one, the others are synonyms that captions use
 * now and then, so that a model learns them. Lower case, no punctuation but commas.
 */
const nouns: Record<Shape, readonly string[]> = {
  sphere: ["sphere", "ball"],
  cube: ["cube", "box", "block"],
  cylinder: ["cylinder", "can"],
  cone: ["cone"],
  torus: ["torus", "ring", "donut"],
};
const colourWords: Record<Colour, readonly string[]> = {
  red: ["red"],
  orange: ["orange"],
  yellow: ["yellow"],
  green: ["green"],
  cyan: ["cyan", "turquoise"],
  blue: ["blue"],
  purple: ["purple", "violet"],
  white: ["white"],
};
const materialWords: Record<Material, readonly string[]> = {
  plain: ["plain"],
  striped: ["striped"],
  checkered: ["checkered"],
  "finely striped": ["finely striped"],
  "finely checkered": ["finely checkered"],
};
const sizeWords: Record<Size, readonly string[]> = { small: ["small", "little"], large: ["large", "big"] };
/** Verbs follow "a cube", participles follow a noun in a list of keywords. */
const verbs: Record<Motion, readonly string[]> = {
  still: ["stands still", "rests", "does not move"],
  left: ["moves left", "slides to the left", "goes left"],
  right: ["moves right", "slides to the right", "goes right"],
  up: ["moves up", "rises", "floats up"],
  down: ["moves down", "sinks", "comes down"],
  toward: ["moves toward the camera", "comes closer"],
  away: ["moves away from the camera", "goes away"],
  spin: ["spins", "turns around", "rotates"],
  bounce: ["bounces", "hops"],
};
const participles: Record<Motion, readonly string[]> = {
  still: ["standing still", "resting"],
  left: ["moving left", "sliding left"],
  right: ["moving right", "sliding right"],
  up: ["moving up", "rising"],
  down: ["moving down", "sinking"],
  toward: ["moving toward the camera", "coming closer"],
  away: ["moving away from the camera", "going away"],
  spin: ["spinning", "rotating"],
  bounce: ["bouncing", "hopping"],
};
const skyPhrases: Record<Sky, readonly string[]> = {
  clear: ["under a clear sky", "on a clear day", "in daylight"],
  sunset: ["at sunset", "under a sunset sky"],
  night: ["at night", "under a night sky"],
  overcast: ["under an overcast sky", "under a cloudy sky", "on a cloudy day"],
};
const groundPhrases: Record<Ground, readonly string[]> = {
  plain: ["on plain ground", "on a plain floor"],
  checkered: ["on checkered ground", "on a checkered floor"],
  striped: ["on striped ground", "on a striped floor"],
};
const cameraPhrases: Record<Camera, readonly string[]> = {
  static: ["the camera stands still", "static camera"],
  "pan left": ["the camera pans left", "camera panning left"],
  "pan right": ["the camera pans right", "camera panning right"],
  orbit: ["the camera orbits", "camera orbiting"],
  "zoom in": ["the camera zooms in", "camera zooming in"],
};
const relationPhrases: Record<Relation, readonly string[]> = {
  "left of": ["to the left of", "left of"],
  "right of": ["to the right of", "right of"],
  "in front of": ["in front of"],
  behind: ["behind"],
};
const openings = ["a video of", "a clip of"] as const;
const links = ["a", "an", "that", "while"] as const;

/** What one caption says about a body and its surroundings; a missing field stays unsaid. */
interface Said {
  readonly first: string;
  readonly second: string | undefined;
  readonly motion: Motion | undefined;
  readonly ground: string | undefined;
  readonly sky: string | undefined;
  readonly camera: string | undefined;
}

/** Chance that a caption leaves an attribute out: what people rarely bother to say is left out more often. */
const drops = { size: 0.35, colour: 0.03, material: 0.1, motion: 0.1, ground: 0.3, sky: 0.25, camera: 0.15 };

const withArticle = (words: string): string => `${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
const join = (parts: readonly (string | undefined)[], between = " "): string =>
  parts.filter((part) => part !== undefined).join(between);

/** Picks the plain phrase half of the time. */
const vary = (random: Random, phrases: readonly string[]): string =>
  random.chance(0.5) ? phrases[0]! : random.pick(phrases);

/** The four ways to put it. */
const templates: readonly ((said: Said, random: Random) => string)[] = [
  ({ first, second, motion, ground, sky, camera }, random) =>
    join([join([first, motion && vary(random, verbs[motion]), second, ground, sky]), camera], ", "),
  ({ first, second, motion, ground, sky, camera }, random) =>
    join([sky, join([first, second, motion && vary(random, verbs[motion]), ground]), camera], ", "),
  ({ first, second, motion, ground, sky, camera }, random) =>
    join([
      random.pick(openings),
      first,
      motion && `that ${vary(random, verbs[motion])}`,
      second,
      ground,
      sky,
      camera?.startsWith("the") ? `while ${camera}` : camera && `, ${camera}`,
    ]).replace(" , ", ", "),
  ({ first, second, motion, ground, sky, camera }, random) =>
    join([join([first, motion && vary(random, participles[motion]), second]), ground, sky, camera], ", "),
];

function nameOf(body: Body, random: Random, sayMaterial: boolean, saySize: boolean): string {
  const words = join([
    saySize && !random.chance(drops.size) ? vary(random, sizeWords[body.size]) : undefined,
    random.chance(drops.colour) ? undefined : vary(random, colourWords[body.colour]),
    sayMaterial && !random.chance(drops.material) ? vary(random, materialWords[body.material]) : undefined,
    vary(random, nouns[body.shape]),
  ]);
  return withArticle(words);
}

/** A caption of the scene in varied words, some attributes left out. A still picture (`moving` false) names no motion. */
export function caption(scene: Scene, random: Random, moving = true): string {
  const [body, other] = scene.bodies;
  const inDepth = body!.motion === "toward" || body!.motion === "away";
  const name = (solid: Body): string =>
    nameOf(solid, random, solid.material !== "plain" || random.chance(0.1), moving || !inDepth);
  const first = name(body!);
  const second =
    other && scene.relation ? `${vary(random, relationPhrases[scene.relation])} ${name(other)}` : undefined;
  const sayCamera = moving && (scene.camera !== "static" ? !random.chance(drops.camera) : random.chance(0.05));
  const said: Said = {
    first,
    second,
    motion: moving && !random.chance(drops.motion) ? body!.motion : undefined,
    ground: random.chance(drops.ground) ? undefined : vary(random, groundPhrases[scene.ground]),
    sky: random.chance(drops.sky) ? undefined : vary(random, skyPhrases[scene.sky]),
    camera: sayCamera ? vary(random, cameraPhrases[scene.camera]) : undefined,
  };
  return random.pick(templates)(said, random);
}

/** The plain caption that says everything, in one fixed order: what test prompts use. */
export function describe(scene: Scene): string {
  const [body, other] = scene.bodies;
  const name = ({ size, colour, material, shape }: Body): string =>
    withArticle(join([size, colour, material === "plain" ? undefined : material, nouns[shape][0]]));
  return join(
    [
      join([
        name(body!),
        verbs[body!.motion][0],
        other && scene.relation ? `${relationPhrases[scene.relation][0]} ${name(other)}` : undefined,
        groundPhrases[scene.ground][0],
        skyPhrases[scene.sky][0],
      ]),
      scene.camera === "static" ? undefined : cameraPhrases[scene.camera][0],
    ],
    ", ",
  );
}

const said = {
  shape: nouns,
  colour: colourWords,
  material: materialWords,
  size: sizeWords,
  motion: verbs,
  sky: skyPhrases,
  ground: groundPhrases,
  camera: cameraPhrases,
  relation: relationPhrases,
} as const satisfies Record<string, Record<string, readonly string[]>>;

/** For every attribute and value the phrases that captions use for it, plainest first: what help texts list. */
export function understood(): Record<keyof typeof said, Record<string, readonly string[]>> {
  return said;
}

/** Every phrase by which captions can name a value; of motions the forms that follow a noun in a list, too. */
export function phrasesOf(category: keyof typeof said, value: string): readonly string[] {
  const plain = (said[category] as Record<string, readonly string[]>)[value] ?? [];
  return category === "motion" ? [...plain, ...(participles[value as Motion] ?? [])] : plain;
}

/** Words of captions that name no attribute. */
export const commonWords: readonly string[] = [
  ...new Set([...openings, ...links].flatMap((phrase) => phrase.split(" "))),
];

/** Every word that a caption can contain, sorted. */
export function vocabulary(): string[] {
  const phrases = [...Object.values(said), participles].flatMap((table) => Object.values(table).flat());
  return [...new Set([...phrases.flatMap((phrase) => phrase.split(" ")), ...commonWords])].sort();
}
