/** What one stage of a run took. */
export interface StageReport {
  readonly name: string;
  readonly seconds: number;
  /** The most memory that the process held meanwhile. */
  readonly peakBytes: number;
}

const samplingMs = 20;
const peakOfProcess = (): number => 1024 * process.resourceUsage().maxRSS;

/** Time and memory by stage; a stage may be entered again and again (decoding and encoding take turns). */
export class StageClock {
  readonly #stages = new Map<string, { seconds: number; peakBytes: number }>();
  readonly #timer: NodeJS.Timeout;
  #current: string | undefined;
  #since = performance.now();
  #most = peakOfProcess();

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
    const reports = this.reports();
    this.#current = undefined;
    clearInterval(this.#timer);
    return reports;
  }

  /** All stages so far. */
  reports(): StageReport[] {
    this.#close();
    return [...this.#stages].map(([name, { seconds, peakBytes }]) => ({ name, seconds, peakBytes }));
  }

  #close(): void {
    const now = performance.now();
    const stage = this.#stage;
    if (stage) {
      this.#sample();
      // The process's peak belongs to the stage in which it grew, also while this thread was busy.
      const most = peakOfProcess();
      if (most > this.#most) stage.peakBytes = Math.max(stage.peakBytes, most);
      stage.seconds += (now - this.#since) / 1000;
    }
    this.#most = peakOfProcess();
    this.#since = now;
  }

  #sample(): void {
    const stage = this.#stage;
    if (stage) stage.peakBytes = Math.max(stage.peakBytes, process.memoryUsage.rss());
  }

  get #stage(): { seconds: number; peakBytes: number } | undefined {
    return this.#current === undefined ? undefined : this.#stages.get(this.#current);
  }
}
