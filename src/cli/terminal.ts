/** What a command can say, wherever that is shown: on this process's terminal, in a test, on another thread. */
import { CancelledError, DoesNotFitError, saysOutOfMemory, TurboError } from "../base/errors.ts";

export interface Terminal {
  /** What was asked for: goes to stdout. */
  out(text: string): void;
  /** Everything else, a line at a time: goes to stderr. */
  note(text: string): void;
  /** `done` of `of` in a stage, `extra` behind: a bar where somebody watches. */
  progress(stage: string, done: number, of: number, extra?: string): void;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Any failure as one of ours; `undefined` for those that nobody foresaw. */
export function foreseen(cause: unknown): TurboError | undefined {
  if (cause instanceof TurboError) return cause;
  if (!(cause instanceof Error)) return undefined;
  if (cause.name === "AbortError") return new CancelledError("cancelled", { cause });
  const text = `${(cause as NodeJS.ErrnoException).code} ${cause.message}`;
  if (saysOutOfMemory(text))
    return new DoesNotFitError(`out of memory: ${cause.message}`, {
      cause,
      hint: "ask for a smaller size or fewer frames; turbo2k plan shows what fits",
    });
  return undefined;
}

/** Prints a failure as a message and a hint, and answers the exit code. */
export function report(cause: unknown, terminal: Pick<Terminal, "note">): number {
  const error = foreseen(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  if (process.env["TURBO2K_DEBUG"]) terminal.note(cause instanceof Error ? (cause.stack ?? message) : message);
  terminal.note(`error: ${error?.message ?? message}`);
  const hint = error ? error.hint : "this should not happen; TURBO2K_DEBUG=1 shows where it did";
  if (hint) terminal.note(`hint: ${hint}`);
  return error?.exitCode ?? 1;
}
