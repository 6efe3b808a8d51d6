/** How far a run is: a bar on a terminal, a plain line now and then elsewhere. */
import { SingleBar } from "cli-progress";
import type { Terminal } from "./terminal.ts";

/** Seconds between plain lines. */
const pause = 5;

export class Progress {
  readonly #terminal: Terminal;
  readonly #pause: number;
  #stage: string | undefined;
  #bar: SingleBar | undefined;
  #started = 0;
  #printed = 0;

  constructor(terminal: Terminal, { seconds = pause } = {}) {
    this.#terminal = terminal;
    this.#pause = seconds;
  }

  /** `done` of `of` in a stage; `extra` stands behind. A new name begins a new bar. */
  update(stage: string, done: number, of: number, extra = ""): void {
    const now = performance.now();
    if (stage !== this.#stage) {
      this.end();
      this.#stage = stage;
      this.#started = this.#printed = now;
      const stream = this.#terminal.screen;
      if (stream) {
        this.#bar = new SingleBar({
          format: `${stage.padEnd(8)} {bar} {value}/{total}  {left}{extra}`,
          barCompleteChar: "█",
          barIncompleteChar: "░",
          barsize: 30,
          hideCursor: true,
          gracefulExit: false,
          autopadding: true,
          stream,
        });
        this.#bar.start(of, done, { left: "", extra });
      }
    }
    const seconds = (now - this.#started) / 1000;
    const left = done && done < of ? `${duration((seconds / done) * (of - done))} left` : "";
    if (this.#bar) this.#bar.update(done, { left, extra: extra && `  ${extra}` });
    else if (done === of || now - this.#printed > 1000 * this.#pause) {
      this.#printed = now;
      const tail = [done === of ? duration(seconds) : left, extra].filter(Boolean).join("  ");
      this.#terminal.note(`${stage} ${done}/${of}  ${tail}`);
    }
  }

  /** Prints a line without tearing the bar. */
  note(text: string): void {
    this.end();
    this.#terminal.note(text);
  }

  /** Leaves the bar as it stands. */
  end(): void {
    this.#bar?.stop();
    this.#bar = undefined;
    this.#stage = undefined;
  }
}

/** `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** `1.5 GB`, `300 MB`. */
export function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(1)} GB` : `${Math.max(1, Math.round(count / 1e6))} MB`;
}
