/** Pictures that a NIQE model is fitted to. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "../../../base/errors.ts";
import { middleFrames } from "../../../metrics/frame-picker.ts";
import type { Frame } from "../../../video/frame.ts";
import { isPicture, isVideo } from "../video/kinds.ts";
import { probeVideo, readImage, readVideo } from "../video/read.ts";

/** Every picture, and `count` frames of every video, of files and of folders. */
export async function* pristineFrames(paths: readonly string[], count: number): AsyncGenerator<Frame> {
  for (const path of paths) {
    if ((await stat(path).catch(() => undefined))?.isDirectory()) {
      const inside = (await readdir(path)).filter((name) => isPicture(name) || isVideo(name));
      if (!inside.length) throw new InputError("there are no pictures or videos here", { where: path });
      yield* pristineFrames(
        inside.sort().map((name) => join(path, name)),
        count,
      );
    } else if (isVideo(path)) {
      const { frames } = await probeVideo(path);
      const wanted = new Set(middleFrames(frames, Math.min(frames, count)));
      let index = 0;
      for await (const frame of readVideo(path)) if (wanted.has(index++)) yield frame;
    } else yield await readImage(path);
  }
}
