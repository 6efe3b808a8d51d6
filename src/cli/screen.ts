/** The terminal of this process: a bar on a terminal, a plain line now and then elsewhere. */
import { SingleBar } from "cli-progress";
import type { Terminal } from "./terminal.ts";
import { duration } from "./units.ts";

/** Seconds between plain lines. */
const pause = 10;

interface Streams {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

export class Screen implements Omit<Terminal, "signal"> {
  readonly #streams: Streams;
  #bar: SingleBar | undefined;
  /** The stage under way, when it began, and what was done by then (which tells nothing about its speed). */
  #stage = { name: "", started: 0, from: 0 };
  #printed = 0;

  constructor(streams: Streams = process) {
    this.#streams = streams;
  }

  out(text: string): void {
    this.end();
    this.#streams.stdout.write(`${text}\n`);
  }

  note(text: string): void {
    this.end();
    this.#streams.stderr.write(`${text}\n`);
  }

  progress(stage: string, done: number, of: number, extra = ""): void {
    const now = performance.now();
    if (stage !== this.#stage.name) {
      this.end();
      this.#stage = { name: stage, started: now, from: done };
      this.#printed = now;
    }
    const { started, from } = this.#stage;
    const seconds = (now - started) / 1000;
    const left = done > from && done < of ? `${duration((seconds / (done - from)) * (of - done))} left` : "";
    if (this.#streams.stderr.isTTY) {
      const words = { stage, words: [left, extra].filter(Boolean).join("  ") };
      if (this.#bar) this.#bar.update(done, words);
      else (this.#bar = this.#open()).start(of, done, words);
    } else if (done === of || now - this.#printed > 1000 * pause) {
      this.#printed = now;
      const time = done === of ? duration(seconds) : left;
      this.#streams.stderr.write(`${[`${stage} ${done}/${of}`, time, extra].filter(Boolean).join("  ")}\n`);
    }
  }

  /** Leaves the bar as it stands and gives the cursor back. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }

  #open(): SingleBar {
    return new SingleBar({
      format: "{stage} {bar} {value}/{total}  {words}",
      barCompleteChar: "█",
      barIncompleteChar: "░",
      barsize: 30,
      hideCursor: true,
      gracefulExit: false, // signals are handled in one place
      stream: this.#streams.stderr,
    });
  }
}
