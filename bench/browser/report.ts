/** Figures, and how they are shown: as the native bench has them. */
import Table from 'cli-table3';

/** What a figure has to reach: its ratio to the peer where it has one, or else its value. */
export type Target = { readonly atLeast: number } | { readonly atMost: number };

export interface Figure {
  /** What was measured, as a path: `write/batch`. */
  readonly bench: string;
  readonly subject: string;
  readonly value: number;
  readonly unit: string;
  /** What it is compared with, and what that reached. */
  readonly peer?: string;
  readonly peerValue?: number;
  readonly target?: Target;
}

export class Report {
  readonly #json: boolean;
  readonly #figures: Figure[] = [];

  constructor(json: boolean) {
    this.#json = json;
  }

  /** A figure of what does not run in this browser is none. */
  add(figure: Figure): void {
    const figures = figure.peer === undefined ? [figure.value] : [figure.value, figure.peerValue];
    if (!figures.every(Number.isFinite)) return;
    this.#figures.push(figure);
    if (!this.#json) return;
    const { peer, peerValue, target, ...own } = figure;
    console.log(
      JSON.stringify({
        ...own,
        peer: peer ?? null,
        peer_value: peerValue ?? null,
        ratio: ratio(figure) ?? null,
        target: target ? limit(target) : null,
        met: isMet(figure) ?? null,
      }),
    );
  }

  /** Prints the table, unless figures were printed one by one; and how many targets were met. */
  finish(): void {
    const wanted = this.#figures.filter((figure) => figure.target !== undefined);
    const met = wanted.filter(isMet);
    if (!this.#json) {
      const table = new Table({
        head: ['bench', 'subject', 'value', 'unit', 'peer', 'of peer', 'ratio', 'target', ''],
        colAligns: ['left', 'left', 'right', 'left', 'left', 'right', 'right', 'right', 'left'],
        style: { head: [], border: [], compact: true },
      });
      for (const figure of this.#figures) table.push(row(figure));
      console.log(table.toString());
    }
    console.error(`${met.length} of ${wanted.length} targets met`);
  }
}

function row(figure: Figure): string[] {
  const { bench, subject, value, unit, peer, peerValue, target } = figure;
  const found = ratio(figure);
  const sign = target === undefined ? '' : 'atLeast' in target ? '≥' : '≤';
  return [
    bench,
    subject,
    short(value),
    unit,
    peer ?? '',
    peerValue === undefined ? '' : short(peerValue),
    found === undefined ? '' : short(found),
    target === undefined ? '' : `${sign} ${limit(target)}`,
    target === undefined ? '' : isMet(figure) ? 'met' : 'missed',
  ];
}

function ratio({ value, peerValue }: Figure): number | undefined {
  return peerValue === undefined ? undefined : value / peerValue;
}

function limit(target: Target): number {
  return 'atLeast' in target ? target.atLeast : target.atMost;
}

function isMet(figure: Figure): boolean | undefined {
  const { target, value } = figure;
  if (target === undefined) return undefined;
  const reached = ratio(figure) ?? value;
  return 'atLeast' in target ? reached >= target.atLeast : reached <= target.atMost;
}

function short(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : String(Number(value.toPrecision(3)));
}
