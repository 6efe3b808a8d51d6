import type { Colour, Sky } from "./scene.ts";

/** A colour in linear light, each channel in [0, 1]. */
export type Rgb = readonly [number, number, number];

const toLinear = (byte: number): number => {
  const value = byte / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
};

/** "#rrggbb" (sRGB) to linear light. */
export function rgb(hex: string): Rgb {
  const bits = Number.parseInt(hex.slice(1), 16);
  return [toLinear(bits >> 16), toLinear((bits >> 8) & 255), toLinear(bits & 255)];
}

/** What the bodies are made of. Hues are spread so that any two stay apart in light and in shade. */
export const bodyColours: Record<Colour, Rgb> = {
  red: rgb("#e0202b"),
  orange: rgb("#ff8a1c"),
  yellow: rgb("#ffe02e"),
  green: rgb("#22a83c"),
  cyan: rgb("#35d6dc"),
  blue: rgb("#1f52e0"),
  purple: rgb("#a53cc8"),
  white: rgb("#fafafa"),
};

/** The second colour of a pattern: light bodies get dark bands of their own hue, dark bodies near-white ones. */
export function partner(colour: Colour): Rgb {
  const [r, g, b] = bodyColours[colour];
  const light = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return light > 0.3 ? [r * 0.1, g * 0.1, b * 0.1] : [0.86, 0.86, 0.84];
}

/** Bare ground, none of it near a body's colour: slate, sand, moss, clay. The second is the darker cell. */
export const tints: readonly (readonly [Rgb, Rgb])[] = [
  [rgb("#76838f"), rgb("#47525f")],
  [rgb("#978562"), rgb("#5d4f36")],
  [rgb("#76876a"), rgb("#435241")],
  [rgb("#917468"), rgb("#59443f")],
];

/** Light and air under one sky. */
export interface Climate {
  /** Colours at the horizon, a little above it, and high up. */
  readonly horizon: Rgb;
  readonly middle: Rgb;
  readonly zenith: Rgb;
  /** Glow around the place where the sun went down. */
  readonly glow: Rgb;
  readonly cloud: Rgb;
  readonly sun: Rgb;
  readonly ambient: Rgb;
  /** Multiplies the ground, so that night is dark below as well as above. */
  readonly ground: Rgb;
  /** Elevation of the sun, radians; how much of the ground's light its shadow takes; and how soft that shadow is. */
  readonly elevation: number;
  readonly shadow: number;
  readonly softness: number;
}

export const climates: Record<Sky, Climate> = {
  clear: {
    horizon: rgb("#b7d8f3"),
    middle: rgb("#8dbdee"),
    zenith: rgb("#4a8bdc"),
    glow: [0, 0, 0],
    cloud: rgb("#ffffff"),
    sun: [0.82, 0.79, 0.73],
    ambient: [0.34, 0.36, 0.4],
    ground: [1, 0.99, 0.96],
    elevation: 0.95,
    shadow: 0.68,
    softness: 0.12,
  },
  sunset: {
    horizon: rgb("#ffc27a"),
    middle: rgb("#f08a72"),
    zenith: rgb("#7d5896"),
    glow: [0.5, 0.24, 0.05],
    cloud: rgb("#ffb489"),
    sun: [0.92, 0.72, 0.55],
    ambient: [0.31, 0.28, 0.33],
    ground: [0.92, 0.72, 0.62],
    elevation: 0.62,
    shadow: 0.64,
    softness: 0.16,
  },
  night: {
    horizon: rgb("#3a4a78"),
    middle: rgb("#1d2850"),
    zenith: rgb("#0b1230"),
    glow: [0, 0, 0],
    cloud: rgb("#2c3a66"),
    sun: [0.56, 0.58, 0.64],
    ambient: [0.21, 0.22, 0.27],
    ground: [0.3, 0.34, 0.48],
    elevation: 0.9,
    shadow: 0.6,
    softness: 0.16,
  },
  overcast: {
    horizon: rgb("#a6b1ba"),
    middle: rgb("#8c98a3"),
    zenith: rgb("#697480"),
    glow: [0, 0, 0],
    cloud: rgb("#aeb7bf"),
    sun: [0.46, 0.46, 0.46],
    ambient: [0.68, 0.69, 0.71],
    ground: [0.76, 0.78, 0.8],
    elevation: 1.2,
    shadow: 0.4,
    softness: 0.4,
  },
};

/** Linear light to an sRGB byte, with a soft shoulder above 0.8 in place of a hard clip; index = light * encodeScale. */
export const encodeScale = 8192;
export const encodeTable: Uint8Array = Uint8Array.from({ length: 2 * encodeScale }, (_, index) => {
  const light = index / encodeScale;
  const value = light < 0.8 ? light : 0.8 + 0.2 * (1 - Math.exp((0.8 - light) / 0.2));
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
});
