/** What one stage of a run took. */
export interface StageReport {
  readonly name: string;
  readonly seconds: number;
  /** The most memory that the process held meanwhile. */
  readonly peakBytes: number;
}

const samplingMs = 20;

/** Time and memory by stage; a stage may be entered again and again (decoding and encoding take turns). */
export class StageClock {
  readonly #stages = new Map<string, { seconds: number; peakBytes: number }>();
  readonly #timer: NodeJS.Timeout;
  #current: string | undefined;
  #since = performance.now();

  constructor() {
    this.#timer = setInterval(() => this.#sample(), samplingMs);
    this.#timer.unref();
  }

  /** Everything from here on belongs to this stage. */
  enter(name: string): void {
    this.#close();
    this.#current = name;
    if (!this.#stages.has(name)) this.#stages.set(name, { seconds: 0, peakBytes: 0 });
    this.#sample();
  }

  /** Ends the last stage. */
  stop(): StageReport[] {
    this.#close();
    this.#current = undefined;
    clearInterval(this.#timer);
    return [...this.#stages].map(([name, { seconds, peakBytes }]) => ({ name, seconds, peakBytes }));
  }

  #close(): void {
    const now = performance.now();
    const stage = this.#current !== undefined ? this.#stages.get(this.#current) : undefined;
    if (stage) {
      this.#sample();
      stage.seconds += (now - this.#since) / 1000;
    }
    this.#since = now;
  }

  #sample(): void {
    const stage = this.#current !== undefined ? this.#stages.get(this.#current) : undefined;
    if (stage) stage.peakBytes = Math.max(stage.peakBytes, process.memoryUsage.rss());
  }
}
