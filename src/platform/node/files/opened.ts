/** What something large has open: closed together when it is done, or when opening the rest of it fails. */
export class Opened {
  readonly #closers: (() => unknown)[] = [];

  /** Answers what is to be closed at the end. */
  keep<T extends { close(): unknown } | { dispose(): unknown }>(one: T): T {
    this.#closers.push(() => ("close" in one ? one.close() : one.dispose()));
    return one;
  }

  /** The last ones first. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** What `open` makes, with a `dispose` for all that it kept; where it fails, that is closed at once. */
export async function openTogether<T extends object>(
  open: (opened: Opened) => Promise<T>,
): Promise<T & { dispose(): Promise<void> }> {
  const opened = new Opened();
  try {
    return { ...(await open(opened)), dispose: () => opened.close() };
  } catch (cause) {
    await opened.close();
    throw cause;
  }
}
