export interface StageTime {
  readonly name: string;
  readonly seconds: number;
}

/** Seconds by stage; a stage may be entered again and again (decoding and encoding take turns). */
export class StageTimes {
  readonly #seconds = new Map<string, number>();
  #current: string | undefined;
  #since = 0;

  /** Everything from here on belongs to this stage. */
  enter(name: string): void {
    const now = performance.now();
    if (this.#current !== undefined) {
      const before = this.#seconds.get(this.#current) ?? 0;
      this.#seconds.set(this.#current, before + (now - this.#since) / 1000);
    }
    this.#current = name;
    this.#since = now;
  }

  /** Of all stages, the one under way as far as it is. */
  soFar(): StageTime[] {
    if (this.#current !== undefined) this.enter(this.#current);
    return [...this.#seconds].map(([name, seconds]) => ({ name, seconds }));
  }
}
