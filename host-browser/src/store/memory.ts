/** A journal that keeps nothing: the database lives as long as its object. */
import type { Ahead, Durability, Journal, Made, StorageInfo } from './journal.ts';
import type { LogRecord } from './record.ts';
import { emptyState, type State } from './state.ts';

export class MemoryJournal implements Journal {
  readonly durability: Durability = 'relaxed';
  onForeignCommit: ((version: number) => void) | undefined;
  onLost: undefined;
  readonly id: string | undefined;
  readonly reconnecting: Promise<unknown> | undefined;

  async load(): Promise<State> {
    return emptyState;
  }

  async missed(): Promise<LogRecord[]> {
    return [];
  }

  async append(
    _version: number,
    _durability: Durability,
    ahead: Ahead | undefined,
    work: Made,
  ): Promise<void> {
    ahead?.();
    work([]);
  }

  rest(_state: State): void {}

  info({ mirror }: State): StorageInfo {
    const { bytes, entries } = mirror;
    const compression = { segments: 0, before: 0, after: 0 };
    const none = { segments: 0, segmentBytes: 0, logRecords: 0, logBytes: 0 };
    return { kind: 'memory', bytes, entries, ...none, compression };
  }

  async close(): Promise<void> {}
}
