/** A database whose engine runs in this thread. */
import { openFile } from '#file';
import { type ArchiveOptions, type ImportCalls, readArchive, writeArchive } from '../archive.ts';
import type { Code, Engine } from '../engine/engine.ts';
import { makeEngine } from '../engine/engine.ts';
import type { HostFunctions } from '../engine/host.ts';
import { CuError } from '../errors.ts';
import { type PrintHandler, Session } from '../store/imports.ts';
import { IndexedDbJournal } from '../store/indexeddb.ts';
import type { Durability, Journal, StorageInfo } from '../store/journal.ts';
import { MemoryJournal } from '../store/memory.ts';
import { measureRoom, type StorageRoom } from '../store/room.ts';
import type { State } from '../store/state.ts';
import { type Mode, Transactor } from '../store/transactor.ts';
import type { Connection, TransactionConnection } from './connection.ts';
import { Fork } from './fork.ts';
import { results } from './results.ts';

/** What a thread needs to know in order to open a database. It crosses to a worker as it is. */
export interface StoreOptions {
  readonly storage: 'indexeddb' | 'file' | 'memory';
  /** Of files. */
  readonly directory?: string | undefined;
  readonly durability: Durability;
  /** The id of the database that has to be there, `store-lost` else; absent for whichever is there, or a new one. */
  readonly expected?: string | undefined;
  /** The share of the quota from which on storage is low. */
  readonly warnAt?: number | undefined;
}

/** Whoever hears of what comes without being asked for. */
export interface Listeners {
  readonly print: PrintHandler;
  /** Storage is low. */
  readonly warn: (room: StorageRoom) => void;
}

/** Opens a database; the store is read while the code is on its way. */
export async function openLocal(
  name: string,
  options: StoreOptions,
  main: Promise<WebAssembly.Module>,
  functions: HostFunctions | undefined,
  { print, warn }: Listeners,
): Promise<Connection> {
  const [journal, code] = await Promise.all([openJournal(name, options, warn), main]);
  try {
    return new LocalConnection(journal, await journal.load(), code, functions, print);
  } catch (error) {
    await journal.close();
    throw error;
  }
}

async function openJournal(
  name: string,
  { storage, durability, directory, expected, warnAt }: StoreOptions,
  onLow: Listeners['warn'],
): Promise<Journal> {
  if (storage === 'file') return openFile(name, durability, directory);
  if (storage === 'memory') return new MemoryJournal();
  return IndexedDbJournal.open(name, {
    durability,
    expected,
    onLow,
    ...(warnAt !== undefined && { warnAt }),
  });
}

type Faces = Record<string, Record<string, (...args: readonly unknown[]) => unknown>>;

/** What makes instances and runs their exports, for a database and its transactions. */
interface Room {
  readonly make: (session: Session) => Engine;
  readonly print: PrintHandler;
  /** Lua code that calls functions of the host must not run twice. */
  readonly once: boolean;
}

/** Runs exports on a transactor. */
class LocalExports {
  readonly transactor: Transactor<Engine>;
  readonly #once: boolean;

  constructor(transactor: Transactor<Engine>, { once }: Room) {
    this.transactor = transactor;
    this.#once = once;
  }

  run(
    face: string,
    name: string,
    mode: Mode,
    durability?: Durability,
    signal?: AbortSignal,
    ...args: readonly unknown[]
  ): Promise<unknown> {
    return this.transactor.submit(
      mode === 'maybe' && this.#once ? 'write' : mode,
      (engine) => (engine as unknown as Faces)[face]![name]!(...args),
      durability,
      signal,
    );
  }
}

class LocalConnection extends LocalExports implements Connection {
  readonly id: string | undefined;
  readonly #room: Room;

  constructor(
    journal: Journal,
    state: State,
    code: Code,
    functions: HostFunctions | undefined,
    print: PrintHandler,
  ) {
    const make = (session: Session) => makeEngine(code, session, functions ?? {});
    const room = { make, print, once: functions !== undefined };
    super(new Transactor(journal, new Session(state), make, print, room.once), room);
    this.#room = room;
    this.id = journal.id;
  }

  async begin(durability: Durability | undefined): Promise<TransactionConnection> {
    return new LocalTransaction(this.transactor, await this.transactor.state(), this.#room, durability);
  }

  async newer(version: number, signal: AbortSignal): Promise<void> {
    await this.transactor.newer(version, signal);
  }

  live(query: Uint8Array, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
    return results(this.transactor, this.#room.make, query, signal);
  }

  async exportArchive(options: ArchiveOptions): Promise<Blob> {
    // An instance of its own, over a state that stays as it is.
    const state = await this.transactor.state();
    return writeArchive(this.#room.make(new Session(state)), options);
  }

  importArchive(archive: Blob, options: ArchiveOptions): Promise<void> {
    const calls = Object.fromEntries(
      ['importPage', 'finishImport', 'abortImport'].map((name) => [
        name,
        (...args: unknown[]) => this.run('archive', name, 'write', undefined, undefined, ...args),
      ]),
    );
    return readArchive(archive, calls as unknown as ImportCalls, options);
  }

  async storage(): Promise<StorageInfo> {
    const { info } = this.transactor;
    return info.kind === 'memory' ? info : { ...info, room: await measureRoom() };
  }

  close(): Promise<void> {
    return this.transactor.close();
  }
}

class LocalTransaction extends LocalExports implements TransactionConnection {
  readonly #database: Transactor<Engine>;
  readonly #fork: Fork;
  readonly #durability: Durability | undefined;

  constructor(database: Transactor<Engine>, base: State, room: Room, durability: Durability | undefined) {
    const fork = new Fork(base);
    super(new Transactor(new MemoryJournal(), fork, room.make, room.print), room);
    this.#database = database;
    this.#fork = fork;
    this.#durability = durability;
  }

  savepoint(id: number): Promise<void> {
    return this.transactor.submit('read', () => this.#fork.savepoint(id));
  }

  rollbackTo(id: number): Promise<void> {
    return this.transactor.submit('write', () => this.#fork.goBack(id));
  }

  release(id: number): Promise<void> {
    return this.transactor.submit('read', () => this.#fork.release(id));
  }

  async commit(signal?: AbortSignal): Promise<void> {
    await this.rollback();
    await this.#database.submit('write', (_, session) => this.#fork.join(session), this.#durability, signal);
  }

  async rollback(): Promise<void> {
    await this.transactor.close(new CuError('store-closed', 'The transaction has ended; begin another one.'));
  }
}
