/** A picture that is shown from a time on; `clone` and `close` as for video samples, which own memory. */
interface Timed {
  readonly timestamp: number;
  readonly duration: number;
  clone(): this | Timed;
  close(): void;
}

/**
 * Another frame rate by repeating or leaving out: at k / fps seconds after the start, the picture that is shown then.
 * The start is the first picture's time unless given. Without `fps`, all pictures pass. The taker of a picture closes
 * it; the ones left out are closed here.
 */
export async function* pickFrames<T extends Timed>(
  pictures: AsyncIterable<T>,
  fps?: number,
  start?: number,
): AsyncGenerator<T> {
  if (fps === undefined) {
    yield* pictures;
    return;
  }
  let shown: T | undefined;
  let count = 0;
  try {
    for await (const picture of pictures) {
      start ??= picture.timestamp;
      // Times in files are rounded, so a picture may come up to half a millisecond late.
      while (shown && start + count / fps < picture.timestamp - 5e-4) {
        yield shown.clone() as T;
        count++;
      }
      shown?.close();
      shown = picture;
    }
    const end = shown ? shown.timestamp + shown.duration : 0;
    while (shown && start! + count / fps < end - 5e-4) {
      yield shown.clone() as T;
      count++;
    }
  } finally {
    shown?.close();
  }
}
