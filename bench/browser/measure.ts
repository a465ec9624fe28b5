/** How times are taken in a page. */

/** The result of a call, and the milliseconds that it took. */
export async function timed<T>(run: () => T | Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const result = await run();
  return [result, performance.now() - start];
}

/**
 * Milliseconds of one of many calls, one after the other: the median of groups. A page's clock is coarser than
 * a short call, so that each group is timed as a whole; and where even a group is shorter than the clock's step,
 * which is 1 ms in WebKit, it is the mean of all.
 */
export async function median(groups: number, size: number, run: (turn: number) => unknown): Promise<number> {
  const times: number[] = [];
  for (let group = 0; group < groups; group += 1) {
    const start = performance.now();
    for (let call = 0; call < size; call += 1) await run(group * size + call);
    times.push((performance.now() - start) / size);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]! || times.reduce((sum, time) => sum + time, 0) / groups;
}

/** Fails the bench if a result is not what it has to be. */
export function expect(actual: unknown, expected: unknown, what: string): void {
  if (actual !== expected) throw new Error(`${what}: ${actual} instead of ${expected}`);
}
