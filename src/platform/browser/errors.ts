/** Failures as plain sentences, which also survive the way from a worker to its page. */
import { type ErrorKind, saysOutOfMemory, TurboError } from "../../base/errors.ts";

export interface Failure {
  readonly kind: ErrorKind | "unforeseen";
  readonly message: string;
  readonly hint: string | undefined;
}

export function failureOf(cause: unknown): Failure {
  if (cause instanceof TurboError) return { kind: cause.kind, message: cause.message, hint: cause.hint };
  const { name, message } = cause instanceof Error ? cause : { name: "", message: String(cause) };
  if (name === "AbortError") return { kind: "cancelled", message: "cancelled", hint: undefined };
  if (saysOutOfMemory(message))
    return {
      kind: "memory",
      message: "the tab ran out of memory",
      hint: "ask for a smaller size or fewer frames, or close other tabs",
    };
  return { kind: "unforeseen", message, hint: "this should not happen; reloading the page starts afresh" };
}

/** A failure of the other side, to be thrown on this one. */
export class RemoteError extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = "RemoteError";
    this.failure = failure;
  }
}
