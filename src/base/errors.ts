/** Exit codes of the command line, one for each kind of failure (docs/guides/getting-started.md). */
export const exitCodes = { failure: 1, usage: 2, checkpoint: 3, unsupported: 4, memory: 5, cancelled: 130 } as const;

export type ErrorKind = keyof typeof exitCodes;

export interface ErrorDetails {
  /** What to do or type instead. */
  hint?: string;
  /** File, layer or field that the error is about. */
  where?: string;
  cause?: unknown;
}

/** Any failure that this project foresees: it says where, what was expected, what came and what helps. */
export class TurboError extends Error {
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly where: string | undefined;

  constructor(kind: ErrorKind, message: string, details: ErrorDetails = {}) {
    super(details.where ? `${details.where}: ${message}` : message, { cause: details.cause });
    this.name = new.target.name;
    this.kind = kind;
    this.hint = details.hint;
    this.where = details.where;
  }

  get exitCode(): number {
    return exitCodes[this.kind];
  }
}

/** A request that cannot be meant: empty prompt, unknown flag, size off the grid in the library. */
export class InputError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("usage", message, details);
  }
}

/** A model file or folder that is damaged, incomplete or of another kind. */
export class CheckpointError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("checkpoint", message, details);
  }
}

/** A media file (video, image, latents, receipt) that cannot be read or written. */
export class MediaError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("failure", message, details);
  }
}

/** This device or build cannot do what was asked. */
export class UnsupportedError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("unsupported", message, details);
  }
}

/** The device went away in the middle of something: a driver reset, a sleeping laptop, a lost connection. */
export class DeviceLostError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("failure", message, details);
  }
}

/** The request does not fit into the memory or disk at hand. */
export class DoesNotFitError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("memory", message, details);
  }
}

/** Whether an engine's message means that there was no memory left: V8's, the C++ library's, ONNX Runtime's. */
export const saysOutOfMemory = (message: string): boolean =>
  /out[ _]of[ _]memory|bad_?alloc|failed to allocate|allocation failed|invalid (typed )?array (buffer )?length/i.test(
    message,
  );

/** Shapes or dtypes of a tensor program that do not go together; `where` is the path of the layer. */
export class ShapeError extends TurboError {
  constructor(message: string, details?: ErrorDetails) {
    super("failure", message, details);
  }
}

/** Stopped on request (Ctrl-C, AbortSignal). */
export class CancelledError extends TurboError {
  constructor(message = "cancelled", details?: ErrorDetails) {
    super("cancelled", message, details);
  }
}
