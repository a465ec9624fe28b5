/** What is measured of the database, once a second while the page shows. */
import { signal } from '@preact/signals';
import type { Stats, StorageInfo } from 'cu-db';
import { type Measured, meter } from '../base/meter.ts';
import { read, state } from '../base/session.ts';

export interface Sample {
  /** Seconds since 1970. */
  readonly at: number;
  readonly calls: Measured;
  readonly stats: Stats;
  readonly storage: StorageInfo;
  /** What the browser has given this origin, and what it allows; absent where it does not tell. */
  readonly quota: { readonly usage: number; readonly quota: number } | undefined;
}

const PERIOD = 1000;
const KEPT = 180;

export const samples = signal<readonly Sample[]>([]);

let busy = false;

async function sample(): Promise<void> {
  if (busy || document.hidden || state.value !== 'open') return;
  busy = true;
  try {
    const calls = meter.take();
    // Not through the meter: looking must not count.
    const [stats, storage] = await read((db) => Promise.all([db.stats(), db.storage()]), false);
    const { usage, quota } = (await navigator.storage?.estimate?.()) ?? {};
    const known = usage !== undefined && quota !== undefined ? { usage, quota } : undefined;
    const next: Sample = { at: Date.now() / 1000, calls, stats, storage, quota: known };
    samples.value = [...samples.value.slice(1 - KEPT), next];
  } catch {
    // A database that is closed or being filled has no figures; the next look tells.
  } finally {
    busy = false;
  }
}

setInterval(() => void sample(), PERIOD);
