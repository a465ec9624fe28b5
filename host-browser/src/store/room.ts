/** How much room the browser gives this site, and a watch over it while a database is written. */
import { CuError } from '../errors.ts';

/** What this site may store, all of it together: other databases and caches count, too. The browser estimates it. */
export interface StorageRoom {
  /** Bytes that are taken. */
  readonly usage: number;
  /** Bytes that may be taken. It changes with the disk. */
  readonly quota: number;
  /** Bytes that are left. */
  readonly remaining: number;
  /** Whether the browser has promised not to delete what is stored when it needs room; see `persist`. */
  readonly persisted: boolean;
}

/** The room that there is; undefined where the platform does not tell, such as in a page without a secure context. */
export async function measureRoom(): Promise<StorageRoom | undefined> {
  const storage = globalThis.navigator?.storage as StorageManager | undefined;
  try {
    const [estimate, persisted] = await Promise.all([storage?.estimate?.(), storage?.persisted?.()]);
    const { usage, quota } = estimate ?? {};
    if (usage === undefined || quota === undefined) return undefined;
    return { usage, quota, remaining: Math.max(0, quota - usage), persisted: persisted ?? false };
  } catch {
    return undefined;
  }
}

/** Commits up to this many bytes are always tried: deleting something has to stay possible. */
const SMALL = 4096;

/** Room is left for them, and for compaction: so much, and at most this share of the quota. */
const RESERVE = 1024 * 1024;
const RESERVE_SHARE = 0.02;

/** How many bytes are written at the least, and at the most, from one measurement to the next. */
const STEP = 16 * 1024;
const STRIDE = 16 * 1024 * 1024;

/** There is no room for a commit of so many bytes, as far as is known without asking. */
export class NoRoom extends Error {
  readonly bytes: number;

  constructor(bytes: number) {
    super();
    this.bytes = bytes;
  }
}

/** Measures the room the more often, the less is left, and tells once when it gets low. */
export class RoomWatch {
  readonly #warnAt: number;
  readonly #warn: (room: StorageRoom) => void;
  #room: StorageRoom | undefined;
  #written = 0;
  #next = 0;
  #measuring: Promise<void> | undefined;
  #isLow = false;

  constructor(warnAt: number, warn: (room: StorageRoom) => void) {
    this.#warnAt = warnAt;
    this.#warn = warn;
  }

  /** Told of what was written. */
  wrote(bytes: number): void {
    this.#written += bytes;
    if (this.#written >= this.#next) this.#measuring ??= this.#measure();
  }

  /** Throws `NoRoom` if a commit of so many bytes would take the last room. */
  check(bytes: number): void {
    if (bytes <= SMALL || this.#room === undefined) return;
    const { quota, remaining } = this.#room;
    const reserve = Math.min(RESERVE, quota * RESERVE_SHARE);
    if (bytes > remaining - this.#written - reserve) throw new NoRoom(bytes);
  }

  /** Rejects with `store-full` unless there is room after all. */
  async checkAgain(bytes: number): Promise<void> {
    await this.#measuring;
    await this.#measure();
    try {
      this.check(bytes);
    } catch {
      const { remaining, quota } = this.#room!;
      throw new CuError(
        'store-full',
        `The commit takes ${bytes} bytes, and of the ${quota} that the browser gives this site ${remaining} are left; ` +
          'nothing was written. Delete something, or ask for more room with db.persist().',
        { details: this.#room },
      );
    }
  }

  async #measure(): Promise<void> {
    const written = this.#written;
    this.#room = await measureRoom();
    this.#written -= written;
    this.#measuring = undefined;
    if (this.#room === undefined) {
      this.#next = Infinity;
      return;
    }
    const { usage, quota, remaining } = this.#room;
    const low = quota * this.#warnAt;
    const isLow = usage >= low;
    this.#next = Math.min(STRIDE, Math.max(STEP, (isLow ? remaining : low - usage) / 2));
    if (isLow && !this.#isLow) this.#warn(this.#room);
    this.#isLow = isLow;
  }
}
