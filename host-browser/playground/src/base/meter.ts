/** How many calls there were, and how long they took. */

/** The calls of a stretch of time. */
export interface Measured {
  readonly calls: number;
  readonly failures: number;
  /** Milliseconds that half of the calls took at the most; 0 if there were none. */
  readonly median: number;
  readonly slowest: number;
}

class Meter {
  #times: number[] = [];
  #failures = 0;

  async measure<T>(work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } catch (error) {
      this.#failures++;
      throw error;
    } finally {
      this.#times.push(performance.now() - start);
    }
  }

  /** The calls since the last look. */
  take(): Measured {
    const times = this.#times.sort((left, right) => left - right);
    const failures = this.#failures;
    this.#times = [];
    this.#failures = 0;
    return {
      calls: times.length,
      failures,
      median: times[times.length >> 1] ?? 0,
      slowest: times.at(-1) ?? 0,
    };
  }
}

export const meter = new Meter();
