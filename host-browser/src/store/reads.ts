/**
 * What a transaction has read, so that its commit can tell whether another state would have answered the same.
 *
 * Answers are compared, not commits: states share all nodes of the mirror that no write has touched, so that
 * comparing two of them costs little where little has changed, whoever has changed it and in whichever tab.
 */
import { compareBytes } from '../bytes.ts';
import type { Mirror } from './mirror.ts';
import { lengthSize, Unpacker, writeLength } from './pack.ts';

/** Keys are gathered up to so many bytes before they are looked at together. */
const RUN_BYTES = 4096;

export class Reads {
  readonly #mirror: Mirror;
  /** Packed keys. */
  readonly #runs: Uint8Array[] = [];
  #run = new Uint8Array(RUN_BYTES);
  #size = 0;
  readonly #ranges: { readonly start: Uint8Array; readonly end: Uint8Array }[] = [];
  readonly #counts: { readonly start: Uint8Array; readonly end: Uint8Array }[] = [];

  /** Of the state that answers. */
  constructor(mirror: Mirror) {
    this.#mirror = mirror;
  }

  key(key: Uint8Array): void {
    const size = lengthSize(key.length) + key.length;
    if (this.#size + size > this.#run.length) {
      this.#seal();
      if (size > RUN_BYTES) this.#run = new Uint8Array(size);
    }
    this.#run.set(key, writeLength(this.#run, this.#size, key.length));
    this.#size += size;
  }

  /** Packed keys. */
  keys(keys: Uint8Array): void {
    this.#runs.push(keys.slice());
  }

  /** A page of a scan, which has looked at the whole range unless it ended at one of its limits. */
  scan(
    start: Uint8Array,
    end: Uint8Array,
    backward: boolean,
    page: Uint8Array,
    maximumEntries: number,
    maximumBytes: number,
  ): void {
    const { entries, last } = summary(page);
    const whole = entries < maximumEntries && page.length < maximumBytes;
    const from = whole || !backward || entries === 0 ? start : last;
    const to = whole || backward || entries === 0 ? end : successor(last);
    this.#ranges.push({ start: from.slice(), end: to.slice() });
  }

  count(start: Uint8Array, end: Uint8Array): void {
    this.#counts.push({ start: start.slice(), end: end.slice() });
  }

  /** Whether another state gives the same answers. */
  holdIn(other: Mirror): boolean {
    if (other === this.#mirror) return true;
    this.#seal();
    return (
      this.#counts.every(({ start, end }) => this.#mirror.count(start, end) === other.count(start, end)) &&
      this.#ranges.every(({ start, end }) => this.#mirror.sameIn(other, start, end)) &&
      this.#runs.every((keys) => compareBytes(this.#mirror.getMany(keys), other.getMany(keys)) === 0)
    );
  }

  #seal(): void {
    if (this.#size > 0) this.#runs.push(this.#run.slice(0, this.#size));
    this.#run = new Uint8Array(RUN_BYTES);
    this.#size = 0;
  }
}

/** How many entries are packed, and the last key of them. */
function summary(page: Uint8Array): { entries: number; last: Uint8Array } {
  const unpacker = new Unpacker(page);
  let entries = 0;
  let last = page.subarray(0, 0);
  for (; !unpacker.done; entries++) {
    last = unpacker.take();
    unpacker.skipOptional();
  }
  return { entries, last };
}

/** The first key behind a key. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
