/** Where a recipe's clips come from: the procedural world, or a folder. */
import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { InputError } from "../../../base/errors.ts";
import type { ClipSource, Picture } from "../../../data/clip-source.ts";
import { vocabularyOf } from "../../../data/user/vocabulary.ts";
import { describe, vocabulary } from "../../../data/world/captions.ts";
import { presets } from "../../../data/world/draw.ts";
import { WorldClips } from "../../../data/world/source.ts";
import { testPrompts } from "../../../data/world/split.ts";
import type { FolderSettings, Recipe } from "../../../training/recipe.ts";
import { validationBucketOf } from "../../../training/validation.ts";
import { captionsOf, scanFolder } from "../user-data/catalogue.ts";
import { FolderClips } from "../user-data/folder-clips.ts";

export interface ClipsOptions {
  /** Folder that paths in the recipe are relative to, and where latents and what is known of files are kept. */
  readonly base: string;
  readonly cache: string;
  readonly signal?: AbortSignal | undefined;
  readonly report?: (done: number, count: number, what: string) => void;
  /** Hears what was left out of the data, and why. */
  readonly note?: ((text: string) => void) | undefined;
}

export interface OpenedClips {
  readonly clips: ClipSource;
  /** Those that are not trained on, where the recipe looks at some. */
  readonly held?: ClipSource;
  /** What captions are made of. */
  readonly words: readonly string[];
  /** What previews may show, the first ones first. */
  readonly prompts: readonly string[];
}

export async function openClips(recipe: Recipe, options: ClipsOptions): Promise<OpenedClips> {
  const opened = await openAll(recipe, options);
  if ("objectWeight" in recipe && recipe.objectWeight && !opened.clips.objects)
    throw new InputError("where objects are is known of rendered clips only", {
      where: "objectWeight",
      hint: "leave it out with a folder of clips",
    });
  if (recipe.kind === "vae" || !recipe.validation) return opened;
  const { picture } = validationBucketOf<{ picture: Picture; weight: number }>(recipe);
  const { rest, held } = opened.clips.split(recipe.validation.clips, picture);
  return { ...opened, clips: rest, held };
}

async function openAll(recipe: Recipe, options: ClipsOptions): Promise<OpenedClips> {
  if (recipe.folder) return openFolder(recipe.folder, recipe.seed, recipe.kind !== "vae", options);
  const world = recipe.world!;
  return {
    clips: new WorldClips(world, recipe.seed),
    words: vocabulary(),
    prompts: testPrompts(presets[world]).map(({ scene }) => describe(scene)),
  };
}

/** Names that a note lists; the rest are counted. */
const listed = 5;

async function openFolder(
  settings: FolderSettings,
  seed: number,
  needsCaptions: boolean,
  { base, cache, signal, report, note = () => {} }: ClipsOptions,
): Promise<OpenedClips> {
  const folder = resolve(base, settings.path);
  const name = createHash("sha256").update(folder).digest("hex").slice(0, 12);
  const index = join(dirname(cache), "catalogues", `${name}.jsonl`);
  const { entries, rejected } = await scanFolder(folder, {
    index,
    signal,
    report: report && ((done, count) => report(done, count, "files")),
  });
  const say = (what: string, lines: readonly string[]) => {
    const rest = lines.length > listed ? [`and ${lines.length - listed} more`] : [];
    if (lines.length) note(`${what}: ${[...lines.slice(0, listed), ...rest].join("; ")}`);
  };
  say(
    `${rejected.length} files cannot be used`,
    rejected.map(({ file, reason }) => `${file}: ${reason}`),
  );
  const list = settings.captions === undefined ? undefined : resolve(base, settings.captions);
  const captions = await captionsOf(folder, entries, list);
  const bare = entries.filter(({ file }) => !captions.has(file)).map(({ file }) => file);
  const skip = needsCaptions && settings.uncaptioned === "skip";
  if (needsCaptions) say(`${bare.length} files have no caption and are ${skip ? "left out" : "trained without"}`, bare);
  const kept = skip ? entries.filter(({ file }) => captions.has(file)) : entries;
  if (!kept.length)
    throw new InputError(`none of ${entries.length + rejected.length} files can be trained with`, {
      where: folder,
      hint: "put captions into NAME.txt beside NAME.mp4 or into a list, or set uncaptioned: empty",
    });
  const { fps, enlarge, crop } = settings;
  const said = kept.flatMap(({ file }) => captions.get(file) ?? []);
  return {
    clips: new FolderClips({ folder, entries: kept, captions, limits: { fps, enlarge, crop } }, seed),
    words: vocabularyOf(said, settings.vocabulary),
    prompts: [...new Set(said)],
  };
}
