/** Which files of a repository a model needs: repositories hold every variant, users want one. */
import { CheckpointError, InputError } from "../../../base/errors.ts";

export interface RemoteFile {
  readonly path: string;
  readonly size: number;
}

export interface Choice {
  /** Everything. */
  readonly all?: boolean | undefined;
  /** Patterns (`*`, `?`) of paths; they replace the rules. */
  readonly include?: readonly string[] | undefined;
}

/** The folders of a pipeline with weights that are used; a safety checker or an image encoder is not. */
export const weightModules = ["transformer", "hr_transformer", "vae", "text_encoder", "latent_upsampler"] as const;
const modules = [...weightModules, "tokenizer", "scheduler"];
/** Name, variant, shard: `diffusion_pytorch_model.fp16-00001-of-00002.safetensors`. */
const weightName = /^(?:diffusion_pytorch_model|model)(?:\.(\w+))??(?:-\d+-of-\d+)?\.safetensors$/;
const indexName = /^(?:diffusion_pytorch_model|model)\.safetensors\.index(?:\.(\w+))?\.json$/;
/** In this order where there is no plain one. */
const variants = ["bf16", "fp16", "fp32"];

/**
 * Without a choice: of a diffusers pipeline its modules in one variant; of any other repository its only weights.
 * @throws InputError where patterns match nothing, or where several weights could be meant (they are listed)
 */
export function chooseFiles<F extends RemoteFile>(files: readonly F[], { all, include }: Choice, where: string): F[] {
  if (all) return [...files];
  if (include?.length) return matching(files, include, where);
  if (files.some(({ path }) => path === "model_index.json")) return pipeline(files);
  const found = files.filter(({ path }) => /\.(safetensors|gguf)$/.test(path));
  const isShard = found.length > 1 && found.every(({ path }) => /-\d+-of-\d+\.safetensors$/.test(path));
  if (found.length === 1 || isShard)
    return files.filter((file) => found.includes(file) || isSmall(file, "") || (isShard && indexName.test(file.path)));
  if (found.length === 0)
    throw new CheckpointError("this repository has no weights that can be read", {
      where,
      hint: "models are .safetensors or .gguf files",
    });
  const list = found.map(({ path, size }) => `\n  ${path} (${(size / 1e9).toFixed(1)} GB)`).join("");
  throw new InputError(`several weights could be meant:${list}`, {
    where,
    hint: "choose with --include FILE, or --all",
  });
}

function matching<F extends RemoteFile>(files: readonly F[], include: readonly string[], where: string): F[] {
  const unmatched = include.filter((glob) => !files.some(({ path }) => patternOf(glob).test(path)));
  if (unmatched.length > 0)
    throw new InputError(`no file matches ${unmatched.join(", ")}`, {
      where,
      hint: `it has ${files
        .slice(0, 12)
        .map(({ path }) => path)
        .join(", ")}${files.length > 12 ? ", …" : ""}`,
    });
  return files.filter(({ path }) => include.some((glob) => patternOf(glob).test(path)));
}

/** `*` stands for anything, slashes included; a folder's name for all that is in it. */
function patternOf(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${text.replace(/\/$/, "")}(/.*)?$`);
}

function pipeline<F extends RemoteFile>(files: readonly F[]): F[] {
  const chosen = files.filter(({ path }) => path === "model_index.json" || path === "turbo2k.json");
  for (const module of modules) {
    const inside = files.filter(({ path }) => path.startsWith(`${module}/`) && path.split("/").length === 2);
    chosen.push(...inside.filter((file) => isSmall(file, `${module}/`)), ...oneVariant(inside));
  }
  return chosen;
}

/** Settings and vocabularies: neither weights nor an index of weights. */
const isSmall = ({ path }: RemoteFile, folder: string): boolean =>
  path.startsWith(folder) &&
  !path.slice(folder.length).includes("/") &&
  /\.(json|model|txt)$/.test(path) &&
  !indexName.test(path.slice(folder.length));

/** The plain weights, or the first variant; one file rather than shards where both are there. */
function oneVariant<F extends RemoteFile>(files: readonly F[]): F[] {
  const nameOf = ({ path }: F): string => path.slice(path.lastIndexOf("/") + 1);
  const tensors = files.filter((file) => weightName.test(nameOf(file)));
  const variantOf = (file: F): string | undefined => weightName.exec(nameOf(file))?.[1];
  const there = new Set(tensors.map(variantOf));
  const variant = there.has(undefined) ? undefined : (variants.find((name) => there.has(name)) ?? [...there][0]);
  const same = tensors.filter((file) => variantOf(file) === variant);
  const whole = same.filter((file) => !/-\d+-of-\d+\./.test(nameOf(file)));
  if (whole.length > 0) return whole.slice(0, 1);
  const index = files.filter((file) => indexName.test(nameOf(file)) && indexName.exec(nameOf(file))![1] === variant);
  return [...index, ...same];
}
