import { expect, describe as suite, test } from "vitest";
import { Random } from "../../base/philox.ts";
import { caption, describe, understood, vocabulary } from "./captions.ts";
import { sceneAt } from "./clip.ts";
import { drawScene, drawWish, mini, presets, rich } from "./draw.ts";
import { colours, isVisible, motions, shapes } from "./scene.ts";
import { isHeldOut, isLookHeldOut, isMoveHeldOut, testPrompts } from "./split.ts";
import { examplePrompts, knownWords, unknownWords } from "./words.ts";

suite("captions", () => {
  const scenes = Array.from({ length: 400 }, (_, index) => drawScene(index % 2 ? rich : mini, new Random(1, index)));

  test("use only words of the vocabulary, lower case, single spaces", () => {
    const known = new Set(vocabulary());
    for (const [index, scene] of scenes.entries())
      for (const text of [caption(scene, new Random(2, index)), describe(scene)]) {
        expect(text).toMatch(/^[a-z]+(,? [a-z]+)*$/);
        for (const word of text.replaceAll(",", "").split(" ")) expect(known, `${word} in: ${text}`).toContain(word);
      }
  });

  test("use every word of the vocabulary", () => {
    const seen = new Set<string>();
    for (let index = 0; index < 6000; index++)
      for (const word of sceneAt(index % 2 ? "rich" : "mini", 5, index, { split: "all" }).caption.split(/,? /))
        seen.add(word);
    expect(vocabulary().filter((word) => !seen.has(word))).toEqual([]);
  });

  test("always name the shape, mostly the colour and the motion", () => {
    const phrases = understood();
    let colour = 0,
      motion = 0;
    for (const [index, scene] of scenes.entries()) {
      const text = caption(scene, new Random(2, index));
      const body = scene.bodies[0]!;
      expect(phrases.shape[body.shape]!.some((word) => text.includes(word))).toBe(true);
      if (phrases.colour[body.colour]!.some((word) => text.includes(word))) colour++;
      if (/mov|slid|go(es|ing)|camera|still|rest|ris|sink|float|com(es|ing)|turns|rotat|spin|bounc|hop/.test(text))
        motion++;
    }
    expect(colour / scenes.length).toBeGreaterThan(0.9);
    expect(motion / scenes.length).toBeGreaterThan(0.8);
  });

  test("say a or an as the next word wants", () => {
    expect(
      describe(
        drawWish(
          mini,
          { size: "large", colour: "orange", shape: "cube", motion: "up", ground: "plain", sky: "night" },
          new Random(1),
        ),
      ),
    ).toBe("a large orange cube moves up on plain ground at night");
    for (const [index, scene] of scenes.entries())
      expect(caption(scene, new Random(3, index))).not.toMatch(/\ba [aeiou]|\ban [^aeiou]/);
  });
});

suite("scenes", () => {
  test.each(Object.values(presets))("of preset $name show all they claim", (preset) => {
    for (let index = 0; index < 500; index++) {
      const scene = drawScene(preset, new Random(8, index));
      expect(isVisible(scene)).toBe(true);
      for (const body of scene.bodies)
        if (body.motion === "spin")
          expect(body.shape === "cube" || body.shape === "torus" || body.material === "checkered").toBe(true);
    }
  });

  test("of the mini preset take every colour, shape and motion", () => {
    const scenes = Array.from({ length: 600 }, (_, index) => sceneAt("mini", 3, index).scene.bodies[0]!);
    expect(new Set(scenes.map(({ colour }) => colour)).size).toBe(8);
    expect(new Set(scenes.map(({ shape }) => shape)).size).toBe(4);
    expect(new Set(scenes.map(({ motion }) => motion)).size).toBe(9);
  });
});

suite("the split", () => {
  test("holds out a fifth of the looks and of the moves, and leaves every value in training", () => {
    for (const colour of colours)
      expect(shapes.filter((shape) => isLookHeldOut(shape, colour, "plain"))).toHaveLength(1);
    for (const motion of motions)
      expect(shapes.filter((shape) => isMoveHeldOut(shape, motion))).toHaveLength(motion === "spin" ? 0 : 1);
  });

  test("keeps training clear of held-out combinations", () => {
    for (let index = 0; index < 500; index++) {
      expect(isHeldOut(sceneAt("mini", 1, index).scene)).toBe(false);
      expect(isHeldOut(sceneAt("rich", 1, index).scene)).toBe(false);
    }
  });

  test("tests 60 seen and 60 held-out prompts, all different, the same every time", () => {
    const prompts = testPrompts();
    expect(prompts.filter(({ heldOut }) => heldOut)).toHaveLength(60);
    expect(prompts.filter(({ heldOut }) => !heldOut)).toHaveLength(60);
    expect(new Set(prompts.map(({ prompt }) => prompt)).size).toBe(120);
    expect(testPrompts().map(({ prompt }) => prompt)).toEqual(prompts.map(({ prompt }) => prompt));
    for (const { scene, heldOut } of prompts) expect(isHeldOut(scene)).toBe(heldOut);
  });
});

suite("words of a prompt", () => {
  test("that captions use are known, in any case and with any punctuation", () => {
    for (const preset of Object.values(presets))
      for (let index = 0; index < 200; index++) {
        const text = sceneAt(preset, 6, index, { split: "all" }).caption;
        expect(unknownWords(text, preset), text).toEqual([]);
        expect(unknownWords(`  ${text.toUpperCase()}!! `, preset)).toEqual([]);
      }
    for (const prompt of examplePrompts) expect(unknownWords(prompt)).toEqual([]);
    expect(unknownWords("")).toEqual([]);
    expect(unknownWords(" \t\n,.;:!?()[]{}«»—")).toEqual([]);
  });

  test("that captions do not use are named once, as typed", () => {
    expect(unknownWords("A Cat on the moon, the CAT!")).toEqual(["Cat", "moon"]);
    expect(unknownWords("two red cubes")).toEqual(["two", "cubes"]);
    expect(unknownWords("a red torus")).toEqual(["torus"]);
    expect(unknownWords("a red torus", rich)).toEqual([]);
    expect(unknownWords("красный шар 🎈 👩‍🚀 un café 猫 don't x²")).toEqual([
      "красный",
      "шар",
      "🎈",
      "👩‍🚀",
      "un",
      "café",
      "猫",
      "don't",
      "x²",
    ]);
    expect(unknownWords("cafe\u0301")).toEqual(["café"]);
    expect(() => unknownWords("\ud800 \u0000 \u202e")).not.toThrow();
  });

  test("are listed by category and value", () => {
    const { shape, motion, material, relation, colour } = knownWords();
    expect(Object.keys(shape!)).toEqual(["sphere", "cube", "cylinder", "cone"]);
    expect(shape!["sphere"]).toEqual(["sphere", "ball"]);
    expect(motion!["up"]).toContain("rising");
    expect(Object.keys(material!)).toEqual(["plain"]);
    expect(relation).toBeUndefined();
    expect(Object.keys(colour!)).toEqual([...colours]);
    expect(Object.keys(knownWords(rich).relation!)).toHaveLength(4);
  });
});
