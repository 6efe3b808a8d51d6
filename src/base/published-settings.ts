/** Settings as published models state them in `config.json`. */
import { CheckpointError } from "./errors.ts";
import { shown } from "./shown.ts";

export type Json = Readonly<Record<string, unknown>>;

const origins = new WeakMap<object, string>();

/** Lets settings remember the file that they were read from, for errors; answers the settings. */
export function readFrom(json: Json, file: string): Json {
  origins.set(json, file);
  return json;
}

/** The settings in a file's text. @throws CheckpointError for what is no JSON object */
export function parseJsonObject(text: string, file: string): Json {
  const hint = "pull the model again";
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(`not JSON: ${(cause as Error).message}`, { where: file, cause, hint });
  }
  if (typeof json === "object" && json !== null && !Array.isArray(json)) return readFrom(json as Json, file);
  throw new CheckpointError(`expected a JSON object, got ${shown(json)}`, { where: file, hint });
}

/** Far more than any published model counts of anything, and few enough to build. */
const most = 2 ** 20;
const mostLayers = 2 ** 10;

/**
 * Reads one module's settings: what is absent or null has the fallback, everything else must be of its kind.
 * All methods throw a CheckpointError that names the file, where it is known, and the field.
 */
export class PublishedSettings {
  readonly #what: string;
  readonly #json: Json;
  readonly #where: string | undefined;

  /** `what` is whose settings these are: `the transformer's settings`. */
  constructor(what: string, json: Json, where = origins.get(json)) {
    this.#what = what;
    this.#json = json;
    this.#where = where;
  }

  /** A whole number of something; shapes are made of these. */
  count(name: string, fallback: number, least = 1): number {
    return this.#counted(name, this.#json[name] ?? fallback, least, most);
  }

  /** How many blocks there are of a kind. */
  layers(name: string, fallback: number): number {
    return this.#counted(name, this.#json[name] ?? fallback, 0, mostLayers);
  }

  number(name: string, fallback: number): number {
    return this.#number(name, fallback, "a number", () => true);
  }

  /** A number above 0: an angle's base, a scale. */
  positive(name: string, fallback: number): number {
    return this.#number(name, fallback, "a number above 0", (value) => value > 0);
  }

  /** What is added so that nothing is divided by 0. */
  epsilon(name: string, fallback: number): number {
    return this.#number(name, fallback, "a number from 0 to 1", (value) => value >= 0 && value <= 1);
  }

  /** A noise level that is neither of the ends, null where there is none. */
  level(name: string): number | null {
    if (!this.has(name)) return null;
    return this.#number(name, 0, "a number between 0 and 1", (value) => value > 0 && value < 1);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#json[name] ?? fallback;
    return typeof value === "boolean" ? value : this.#refuse(name, "true or false", value);
  }

  /** One of some words. */
  word<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.#json[name] ?? fallback;
    return words.find((word) => word === value) ?? this.#refuse(name, `one of ${words.join(", ")}`, value);
  }

  /** What a word stands for. */
  named<T>(name: string, values: Readonly<Record<string, T>>, fallback: string): T {
    const value = this.#json[name] ?? fallback;
    if (typeof value === "string" && Object.hasOwn(values, value)) return values[value]!;
    return this.#refuse(name, `one of ${Object.keys(values).join(", ")}`, value);
  }

  /** Whole numbers, one or more. */
  counts(name: string, fallback: readonly number[], least = 1): readonly number[] {
    return this.#list(name, fallback).map((value, i) => this.#counted(`${name}[${i}]`, value, least, most));
  }

  /** Numbers of blocks, by stage. */
  stages(name: string, fallback: readonly number[]): readonly number[] {
    return this.#list(name, fallback).map((value, i) => this.#counted(`${name}[${i}]`, value, 0, mostLayers));
  }

  /** Noise levels, above 0 and up to 1. */
  levels(name: string): readonly number[] {
    const isOne = (value: unknown) => typeof value === "number" && value > 0 && value <= 1;
    return this.#list(name, []).map((value, i) =>
      isOne(value) ? (value as number) : this.#refuse(`${name}[${i}]`, "a noise level above 0, up to 1", value),
    );
  }

  flags(name: string, fallback: readonly boolean[]): readonly boolean[] {
    return this.#list(name, fallback).map((value, i) =>
      typeof value === "boolean" ? value : this.#refuse(`${name}[${i}]`, "true or false", value),
    );
  }

  words(name: string, fallback: readonly string[]): readonly string[] {
    return this.#list(name, fallback).map((value, i) =>
      typeof value === "string" ? value : this.#refuse(`${name}[${i}]`, "text", value),
    );
  }

  /** Settings within settings, undefined where there are none. */
  inner(name: string): PublishedSettings | undefined {
    const value = this.#json[name] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) return this.#refuse(name, "an object", value);
    return new PublishedSettings(`${this.#what}: ${name}`, value as Json, this.#where);
  }

  has(name: string): boolean {
    return (this.#json[name] ?? undefined) !== undefined;
  }

  /** Refuses what a model class does not vary: read past, it would give wrong numbers. */
  fixed(expected: Json, hint = "models that differ in this cannot be computed here"): void {
    for (const [name, value] of Object.entries(expected)) {
      const own = this.#json[name] ?? value;
      if (JSON.stringify(own) !== JSON.stringify(value))
        this.fail(`${name} is ${JSON.stringify(own)}, expected ${JSON.stringify(value)}`, hint);
    }
  }

  /** Refuses fields that do not go together. */
  check(holds: boolean, message: string): void {
    if (!holds) this.fail(message);
  }

  fail(message: string, hint = "the file is damaged or belongs to another model"): never {
    throw new CheckpointError(`${this.#what}: ${message}`, { where: this.#where, hint });
  }

  #refuse(name: string, expected: string, got: unknown): never {
    return this.fail(`${name} must be ${expected}, got ${shown(got)}`);
  }

  #counted(name: string, value: unknown, least: number, limit: number): number {
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= limit) return value;
    return this.#refuse(name, `a whole number from ${least} to ${limit}`, value);
  }

  #number(name: string, fallback: number, expected: string, isOne: (value: number) => boolean): number {
    const value = this.#json[name] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && isOne(value)) return value;
    return this.#refuse(name, expected, value);
  }

  #list(name: string, fallback: readonly unknown[]): readonly unknown[] {
    const value = this.#json[name] ?? fallback;
    if (!Array.isArray(value)) return this.#refuse(name, "a list", value);
    return value.length ? value : this.#refuse(name, "a list of one or more", value);
  }
}
