/** What both runtimes report of a step, and the table of it. */

/** One step on one runtime. `shown` is a word about the result, `sha256` the hash of its CBOR where it has one. */
export interface Step {
  readonly title: string;
  readonly milliseconds: number;
  readonly shown: string;
  readonly sha256: string | null;
}

/** Prints steps side by side and returns whether all results are byte-identical. */
export function compare(native: readonly Step[], browser: readonly Step[]): boolean {
  const rows = native.map((step, number) => {
    const other = browser[number];
    if (other?.title !== step.title) throw new Error(`the runtimes took different steps at "${step.title}"`);
    const same = step.sha256 === null ? '' : step.sha256 === other.sha256 ? 'identical' : 'DIFFERENT';
    const hash = step.sha256?.slice(0, 12) ?? '';
    return [step.title, time(step.milliseconds), time(other.milliseconds), step.shown, hash, same];
  });
  const head = ['step', 'native', 'browser', 'result', 'sha-256', 'results'];
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => [...row[column]!].length), title.length));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(widths[column]! - [...cell].length);
        return column === 1 || column === 2 ? space + cell : cell + space;
      })
      .join('  ')
      .trimEnd();
  console.log(`\n${line(head)}\n${line(widths.map((width) => '-'.repeat(width)))}`);
  for (const row of rows) console.log(line(row));
  return rows.length === browser.length && rows.every((row) => row[5] !== 'DIFFERENT');
}

function time(milliseconds: number): string {
  return milliseconds < 100 ? `${milliseconds.toFixed(1)} ms` : `${Math.round(milliseconds)} ms`;
}
