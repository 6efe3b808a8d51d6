import { hashText, Random } from "../../base/philox.ts";
import { describe } from "./captions.ts";
import { drawWish, mini, type Preset, type Wish } from "./draw.ts";
import {
  type Colour,
  colours,
  type Material,
  type Motion,
  materials,
  motions,
  type Scene,
  type Shape,
  shapes,
  sizes,
  skies,
  spinShows,
} from "./scene.ts";

/**
 * Combinations that training never sees, to tell whether a model composes or remembers: of every row (colour, material)
 * and of every motion one of the five shapes, 20 % of all. Rows are put in the order of their hashes and the shapes take
 * turns, so that all shapes lose alike and every value still occurs in training. Spinning is not held out: where all
 * is plain, only cubes can be seen to spin.
 */
function takeTurns<T extends string>(rows: readonly T[], from: number): Map<T, Shape> {
  const ranked = [...rows].sort((a, b) => hashText(a) - hashText(b));
  return new Map(ranked.map((row, index) => [row, shapes[(index + from) % shapes.length]!]));
}

const heldOutLooks = new Map(materials.map((material, index) => [material, takeTurns(colours, 2 * index)]));
const heldOutMoves = takeTurns(
  motions.filter((motion) => motion !== "spin"),
  1,
);

export const isLookHeldOut = (shape: Shape, colour: Colour, material: Material): boolean =>
  heldOutLooks.get(material)!.get(colour) === shape;

export const isMoveHeldOut = (shape: Shape, motion: Motion): boolean => heldOutMoves.get(motion as "still") === shape;

export function isHeldOut(scene: Scene): boolean {
  return scene.bodies.some(
    ({ shape, colour, material, motion }) => isLookHeldOut(shape, colour, material) || isMoveHeldOut(shape, motion),
  );
}

export interface TestPrompt {
  readonly prompt: string;
  readonly scene: Scene;
  readonly heldOut: boolean;
}

/** The fixed test list: 60 prompts of seen and 60 of held-out combinations, alternating; scenes are their ground truth. */
export function testPrompts(preset: Preset = mini): TestPrompt[] {
  const random = new Random(120, "world test prompts");
  const seen: TestPrompt[] = [],
    unseen: TestPrompt[] = [];
  const known = new Set<string>();
  while (seen.length < 60 || unseen.length < 60) {
    // Walk through the values in turn, so that each occurs about equally often.
    const turn = known.size;
    const wish: Wish = {
      shape: preset.shapes[turn % preset.shapes.length]!,
      colour: colours[Math.floor(random.uniform() * colours.length)]!,
      material: random.pick(preset.materials),
      size: sizes[random.below(2)]!,
      motion: random.pick([...new Set(preset.motions)]),
      sky: skies[random.below(skies.length)]!,
      ground: random.pick(preset.grounds),
      camera: "static",
    };
    if (wish.motion === "spin" && !spinShows(wish.shape!, wish.material!)) continue;
    const scene = drawWish({ ...preset, pairs: 0 }, wish, random);
    const prompt = describe(scene);
    if (known.has(prompt)) continue;
    const heldOut = isHeldOut(scene);
    const list = heldOut ? unseen : seen;
    if (list.length >= 60) continue;
    known.add(prompt);
    list.push({ prompt, scene, heldOut });
  }
  return seen.flatMap((prompt, index) => [prompt, unseen[index]!]);
}
