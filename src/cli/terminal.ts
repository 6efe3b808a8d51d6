/** Where a command prints, so that tests and other callers can listen. */
import { CancelledError, DoesNotFitError, TurboError } from "../base/errors.ts";

export interface Terminal {
  /** What was asked for: goes to stdout. */
  out(text: string): void;
  /** Everything else, a line at a time: goes to stderr. */
  note(text: string): void;
  /** Where bars are drawn; absent where nobody watches. */
  readonly screen?: NodeJS.WriteStream | undefined;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

export const processTerminal = (signal: AbortSignal): Terminal => ({
  out: (text) => void process.stdout.write(`${text}\n`),
  note: (text) => void process.stderr.write(`${text}\n`),
  screen: process.stderr.isTTY ? process.stderr : undefined,
  signal,
});

/** Any failure as one of ours; `undefined` for those that nobody foresaw. */
export function foreseen(cause: unknown): TurboError | undefined {
  if (cause instanceof TurboError) return cause;
  if (!(cause instanceof Error)) return undefined;
  if (cause.name === "AbortError") return new CancelledError("cancelled", { cause });
  if (/bad_?alloc|failed to allocate|allocation failed|invalid (typed )?array (buffer )?length/i.test(cause.message))
    return new DoesNotFitError(`out of memory: ${cause.message}`, {
      cause,
      hint: "ask for a smaller size or fewer frames; turbo2k plan shows what fits",
    });
  return undefined;
}

/** Prints a failure as a message and a hint, and answers the exit code. */
export function report(cause: unknown, terminal: Terminal): number {
  const error = foreseen(cause);
  if (process.env["TURBO2K_DEBUG"])
    terminal.note(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  terminal.note(`error: ${error?.message ?? (cause instanceof Error ? cause.message : String(cause))}`);
  const hint = error ? error.hint : "this should not happen; TURBO2K_DEBUG=1 shows where it did";
  if (hint) terminal.note(`hint: ${hint}`);
  return error?.exitCode ?? 1;
}
