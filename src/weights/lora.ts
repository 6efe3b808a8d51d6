/**
 * Low-rank adaptations (Hu et al. 2021): W + α/r · up · down for some of a model's weights, in the namings of peft and
 * diffusers (`transformer.blocks.0.to_q.lora_A.weight`), ComfyUI (`diffusion_model.…`) and kohya (`lora_unet_…_to_q.alpha`).
 */
import { CheckpointError } from "../base/errors.ts";
import { type Checkpoint, listSome } from "./checkpoint.ts";
import { readFloat32, type TensorEntry } from "./safetensors.ts";

/** What is added to one weight [out, in]: scale · up [out, r] · down [r, in]. */
export interface LowRank {
  readonly up: TensorEntry;
  readonly down: TensorEntry;
  readonly scale: number;
}

/** A file's adaptations by the file's own names of layers. */
export interface Lora {
  readonly name: string;
  readonly layers: ReadonlyMap<string, LowRank>;
}

type Role = "up" | "down" | "alpha";

/** Ends of names, and what they hold. */
const roles: readonly (readonly [RegExp, Role])[] = [
  [/\.lora_A(?:\.\w+)?\.weight$/, "down"],
  [/\.lora_B(?:\.\w+)?\.weight$/, "up"],
  [/\.lora[._]down\.weight$/, "down"],
  [/\.lora[._]up\.weight$/, "up"],
  [/\.alpha$/, "alpha"],
];

/** What stands before a layer's name, by the tool that wrote the file; several may follow each other. */
const prefixes =
  /^(?:base_model\.model\.|model\.diffusion_model\.|diffusion_model\.|transformer\.|lora_unet_|lora_transformer_|lycoris_)/;

/** Reads the names and the few numbers of a LoRA; its matrices stay in the file. @throws CheckpointError for other files */
export async function readLora({
  name: where,
  tensors,
  metadata,
}: Pick<Checkpoint, "name" | "tensors" | "metadata">): Promise<Lora> {
  const found = new Map<string, Partial<Record<Role, TensorEntry>>>();
  const unknown: string[] = [];
  for (const [name, entry] of tensors) {
    const [end, role] = roles.find(([pattern]) => pattern.test(name)) ?? [];
    if (!end || !role) {
      unknown.push(name);
      continue;
    }
    const layer = name.replace(end, "");
    found.set(layer, { ...found.get(layer), [role]: entry });
  }
  if (found.size === 0)
    throw new CheckpointError("this is no LoRA: it has no pairs of low-rank matrices", {
      where,
      hint: "a LoRA's tensors end in lora_A and lora_B, or lora_down and lora_up",
    });
  if (unknown.length > 0)
    throw new CheckpointError(`it adapts in ways that are not known: ${listSome(unknown)}`, {
      where,
      hint: "only plain LoRA is read: pairs of matrices with an optional alpha, no DoRA, LoHa, LoKr or bias",
    });
  const layers = new Map<string, LowRank>();
  const rules = adapterRules(metadata);
  for (const [layer, { up, down, alpha }] of found) {
    if (!up || !down || up.shape.length !== 2 || down.shape.length !== 2 || up.shape[1] !== down.shape[0])
      throw new CheckpointError(`${layer} has no pair of matrices of one rank`, {
        where,
        hint: "the file is damaged, or not of a plain LoRA",
      });
    const rank = down.shape[0]!;
    const scale = alpha ? (await readFloat32(alpha))[0]! / rank : rules(layer, rank);
    if (!Number.isFinite(scale))
      throw new CheckpointError(`the alpha of ${layer} is not a finite number`, { where, hint: "the LoRA is damaged" });
    layers.set(layer, { up, down, scale });
  }
  return { name: where, layers };
}

/** α/r by the settings that diffusers keeps in a file's metadata; 1 where nothing is said. */
function adapterRules(metadata: Readonly<Record<string, string>>): (layer: string, rank: number) => number {
  let settings: Record<string, unknown> = {};
  try {
    settings = JSON.parse(metadata["lora_adapter_metadata"] ?? "{}") as Record<string, unknown>;
  } catch {
    // Other tools may keep anything under this name.
  }
  const get = (key: string): unknown => settings[`transformer.${key}`] ?? settings[key];
  const whole = get("lora_alpha");
  const patterns = Object.entries((get("alpha_pattern") ?? {}) as Record<string, number>);
  return (layer, rank) => {
    const own = patterns.find(([name]) => layer === name || layer.endsWith(`.${name}`))?.[1];
    const alpha = own ?? (typeof whole === "number" ? whole : rank);
    return alpha / (get("use_rslora") === true ? Math.sqrt(rank) : rank);
  };
}

/** A weight that may be adapted. */
export interface Target {
  readonly path: string;
  readonly shape: readonly number[];
  /** Its layer in every layout that the model is published in, without `.weight`. */
  readonly names: readonly string[];
}

/**
 * The weight that each layer of a LoRA means.
 * @throws CheckpointError that lists the layers that this model does not have, or has in another size
 */
export function matchLora({ name: where, layers }: Lora, targets: readonly Target[]): Map<string, LowRank> {
  const byName = new Map<string, Target>();
  for (const target of targets)
    for (const name of target.names) {
      byName.set(name, target);
      byName.set(name.replaceAll(".", "_"), target); // kohya's names
    }
  const matched = new Map<string, LowRank>();
  const strange: string[] = [];
  const misshapen: string[] = [];
  for (const [layer, pair] of layers) {
    const target = find(layer, byName);
    if (!target) {
      strange.push(layer);
      continue;
    }
    const [out, inner] = [pair.up.shape[0], pair.down.shape[1]];
    if (target.shape.length !== 2 || target.shape[0] !== out || target.shape[1] !== inner)
      misshapen.push(`${layer}: for [${out}, ${inner}], here [${target.shape.join(", ")}]`);
    else if (matched.has(target.path))
      throw new CheckpointError(`it adapts ${target.path} twice`, { where, hint: "the file is damaged" });
    else matched.set(target.path, pair);
  }
  if (strange.length === 0 && misshapen.length === 0) return matched;
  const faults = [
    strange.length > 0 ? `${strange.length} of ${layers.size} layers match nothing: ${listSome(strange)}` : "",
    misshapen.length > 0 ? `${misshapen.length} of another size: ${listSome(misshapen)}` : "",
  ];
  throw new CheckpointError(`this LoRA is for another model: ${faults.filter(Boolean).join("; ")}`, {
    where,
    hint: "use one that was trained for this model and size",
  });
}

function find(layer: string, byName: ReadonlyMap<string, Target>): Target | undefined {
  for (let name = layer; ; ) {
    const target = byName.get(name);
    const shorter = name.replace(prefixes, "");
    if (target || shorter === name) return target;
    name = shorter;
  }
}
