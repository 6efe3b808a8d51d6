/** Captions as a frozen text encoder reads them, made once and kept beside the latents. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Random } from "../../../base/philox.ts";
import type { TextToVideoModel } from "../../../pipelines/model.ts";
import { encodeText } from "../../../pipelines/text.ts";
import type { Runtime } from "../../../tensor/runtime.ts";
import type { LatentSet } from "../../../training/flow-task.ts";
import type { ReadCaption } from "../../../training/student.ts";
import type { ClipsOptions } from "./clips.ts";
import { openShards, type Shards } from "./shards.ts";

/** Captions that are encoded together. */
const together = 16;

/** @param said all that will be read, in any order */
export async function captionStates(
  model: TextToVideoModel,
  runtime: Runtime,
  said: Iterable<string>,
  { cache, signal, report, note }: Omit<ClipsOptions, "base">,
): Promise<{ read: ReadCaption; close: Shards["close"] }> {
  const captions = [...new Set(said)];
  const places = new Map(captions.map((caption, at) => [caption, at]));
  const { textLength, maskText } = model.settings;
  const size = textLength * model.text.config.width;
  const encoder = await model.files.find(({ name }) => name === "text_encoder")?.hash.sha256();
  const id = createHash("sha256")
    .update(JSON.stringify([encoder, textLength, maskText, captions]))
    .digest("hex")
    .slice(0, 12);
  let ahead: { first: number; states: Float32Array } | undefined;
  const shards = await openShards({
    folder: join(cache, `captions-${id}`),
    count: captions.length,
    size,
    signal,
    note,
    report: report && ((done, count) => report(done, count, "captions")),
    make: async (index) => {
      if (!ahead || index < ahead.first || index >= ahead.first + together) {
        const { states } = await encodeText(model, runtime, captions.slice(index, index + together));
        ahead = { first: index, states: states.data as Float32Array };
      }
      return ahead.states.subarray((index - ahead.first) * size, (index - ahead.first + 1) * size);
    },
  });
  const read: ReadCaption = async (caption) => ({
    states: await shards.read(places.get(caption)!),
    mask: model.tokenizer.encode(caption, textLength).mask,
  });
  return { read, close: shards.close };
}

/** All that is said of a folder's clips, where each has one caption, and nothing, where captions are dropped. */
export function* captionsIn(sets: Iterable<Pick<LatentSet, "caption" | "count">>): Generator<string> {
  yield "";
  for (const { caption, count } of sets) for (let clip = 0; clip < count; clip++) yield caption(clip, new Random(clip));
}
