/** The page's side: an engine in a worker of its own, so that the page never waits for it. */
import { CancelledError } from "../../../base/errors.ts";
import type { Receipt } from "../../../schema/receipt.ts";
import { RemoteError } from "../errors.ts";
import type { BrowserRequest, GenerateEvent } from "../generate/generate.ts";
import type { DownloadProgress } from "../models/kept-files.ts";
import type { Answer, Command, EngineInfo, OpenRequest } from "./messages.ts";

/** How long a worker may take to stop by itself, in ms: a step cannot be interrupted, a worker can. */
const patience = 400;
const tooLate = Symbol("too late");

/** A worker that runs, from its start to its end. */
interface Running {
  readonly worker: Worker;
  readonly ended: AbortController;
}

export class Engine {
  readonly #spawn: () => Worker;
  readonly #request: OpenRequest;
  #running: Running | undefined;
  #opening: Promise<EngineInfo> | undefined;

  /** `spawn` starts a worker whose script calls `serveEngine`. */
  constructor(spawn: () => Worker, request: OpenRequest) {
    this.#spawn = spawn;
    this.#request = request;
  }

  /** Starts the worker and opens the model in it; once, however often it is called. */
  open(onProgress?: (progress: DownloadProgress) => void): Promise<EngineInfo> {
    this.#opening ??= this.#open(onProgress);
    return this.#opening;
  }

  /** @throws CancelledError soon after `signal` aborts; RemoteError for what failed in the worker */
  generate(request: BrowserRequest, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    return this.#run({ type: "generate", request }, signal);
  }

  /** Makes the frames of a receipt again. */
  again(receipt: Receipt, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    return this.#run({ type: "again", receipt }, signal);
  }

  /** Ends the worker, and whatever waits for it; the next call starts another one. */
  dispose(): void {
    this.#running?.worker.terminate();
    this.#running?.ended.abort();
    this.#running = undefined;
    this.#opening = undefined;
  }

  async #open(onProgress?: (progress: DownloadProgress) => void): Promise<EngineInfo> {
    this.#running = { worker: this.#spawn(), ended: new AbortController() };
    let info: EngineInfo | undefined;
    for await (const answer of this.#ask({ type: "open", request: this.#request })) {
      if (answer.type === "loading") onProgress?.(answer.progress);
      if (answer.type === "opened") info = answer.info;
    }
    return info!;
  }

  async *#run(command: Command, signal?: AbortSignal): AsyncGenerator<GenerateEvent> {
    await this.open();
    for await (const answer of this.#ask(command, signal)) if (answer.type === "event") yield answer.event;
  }

  /** Answers to one command, until it is done. */
  async *#ask(command: Command, signal?: AbortSignal): AsyncGenerator<Answer> {
    const { worker, ended } = this.#running!;
    const inbox = new Inbox<Answer | typeof tooLate>();
    const hear = ({ data }: MessageEvent<Answer>) => inbox.put(data);
    const fail = (event: ErrorEvent) => {
      event.preventDefault();
      const message = event.message || "the engine's script cannot be loaded";
      inbox.put({ type: "failed", failure: { kind: "unforeseen", message, hint: "reload the page" } });
    };
    const end = () => inbox.put(tooLate);
    const stop = () => {
      worker.postMessage({ type: "stop" } satisfies Command);
      setTimeout(end, patience);
    };
    ended.signal.addEventListener("abort", end);
    worker.addEventListener("message", hear);
    worker.addEventListener("error", fail);
    signal?.addEventListener("abort", stop);
    /** Whether the worker is as it was before: then it stays for the next command. */
    let isReady = false;
    try {
      if (signal?.aborted) throw new CancelledError();
      worker.postMessage(command);
      for (;;) {
        const answer = await inbox.take();
        if (answer === tooLate) throw new CancelledError();
        isReady = answer.type === "done";
        if (isReady) return;
        if (answer.type === "failed") {
          const { kind } = answer.failure;
          isReady = kind === "usage" || kind === "cancelled"; // other failures may leave memory behind
          if (kind === "cancelled") throw new CancelledError();
          throw new RemoteError(answer.failure);
        }
        yield answer;
      }
    } finally {
      worker.removeEventListener("message", hear);
      worker.removeEventListener("error", fail);
      ended.signal.removeEventListener("abort", end);
      signal?.removeEventListener("abort", stop);
      if (!isReady && this.#running?.worker === worker) this.dispose();
    }
  }
}

/** Messages in the order in which they came, for one reader. */
class Inbox<T> {
  readonly #waiting: T[] = [];
  #wake: (() => void) | undefined;

  put(item: T): void {
    this.#waiting.push(item);
    this.#wake?.();
  }

  async take(): Promise<T> {
    while (!this.#waiting.length) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#waiting.shift()!;
  }
}
