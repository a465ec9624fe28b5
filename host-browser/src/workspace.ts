/**
 * A database whose calls are synchronous, for the older interfaces that promise that.
 *
 * The engine runs in this thread, on a state of its own that is ahead of what is durable. `save` makes the durable
 * contents those of that state, in one commit, in the turn that all pages share. What happens when another page has committed
 * since is chosen when the workspace is opened: `replay` runs the calls that are not saved again, on what the other
 * page has left; `replace` writes this page's state over it.
 */
import { type Code, type Engine, loadCode, makeEngine } from './engine/engine.ts';
import { CuError, componentFailure, errorOf, trapError } from './errors.ts';
import { checkName } from './options.ts';
import { differences } from './store/differences.ts';
import { Session } from './store/imports.ts';
import { IndexedDbJournal } from './store/indexeddb.ts';
import { MemoryJournal } from './store/memory.ts';
import { Mirror } from './store/mirror.ts';
import { readNote, writeNote } from './store/note.ts';
import { emptyState, type State } from './store/state.ts';
import { Transactor } from './store/transactor.ts';

export interface WorkspaceOptions {
  /** `indexeddb`, the default, or `memory` for one whose `save` keeps nothing beyond the page. */
  readonly storage?: 'indexeddb' | 'memory';
  /** Whether to begin with what is saved, the default, or with nothing. */
  readonly restore?: boolean;
  /** What happens to changes that are not saved when another page has committed. */
  readonly whenBehind: 'replay' | 'replace';
  /** The compiled `cu.core.wasm`, for bundlers that can't find the file that comes with the package. */
  readonly module?: WebAssembly.Module;
}

/** A call that was made, and what it gave when it was last run. */
export interface Made<T> {
  result: T;
  /** Why it can't be made any more after what another page has committed. */
  error?: CuError;
}

interface Call extends Made<unknown> {
  readonly work: (engine: Engine) => unknown;
}

/** A state ahead of a durable one, to which one commit will bring it. */
class Ahead extends Session {
  base: State;

  constructor(base: State, mirror: Mirror) {
    super({ mirror, version: base.version });
    this.base = base;
  }

  override get reserved(): number {
    return this.base.version + 1;
  }
}

export class Workspace {
  readonly #transactor: Transactor<undefined>;
  readonly #code: Code;
  readonly #session: Ahead;
  readonly #whenBehind: WorkspaceOptions['whenBehind'];
  #engine: Engine | undefined;
  #unsaved: Call[] = [];
  #isBehind = false;
  #saving: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #printed: Uint8Array[] = [];

  private constructor(
    transactor: Transactor<undefined>,
    code: Code,
    base: State,
    mirror: Mirror,
    whenBehind: WorkspaceOptions['whenBehind'],
  ) {
    this.#transactor = transactor;
    this.#code = code;
    this.#session = new Ahead(base, mirror);
    this.#whenBehind = whenBehind;
    this.#isBehind = mirror !== base.mirror;
  }

  /** Opens a database of this name, and makes it if there is none. Rejects as `open` does. */
  static async open(name: string, options: WorkspaceOptions): Promise<Workspace> {
    checkName(name);
    const code = loadCode(options.module);
    const inMemory = options.storage === 'memory';
    const [journal, modules] = await Promise.all([
      inMemory ? new MemoryJournal() : IndexedDbJournal.open(name, { expected: readNote(name) }),
      code,
    ]);
    try {
      const state = await journal.load();
      if (journal.id !== undefined) writeNote(name, journal.id);
      // A save takes the calls that are not saved, so it can't run ahead and then once more.
      const transactor = new Transactor<undefined>(
        journal,
        new Session(state),
        () => undefined,
        undefined,
        true,
      );
      const { mirror } = options.restore === false ? emptyState : state;
      return new Workspace(transactor, modules, state, mirror, options.whenBehind);
    } catch (error) {
      await journal.close();
      throw error;
    }
  }

  /** Whether anything was ever saved under this name. */
  get isNew(): boolean {
    return this.#session.base.version === 0;
  }

  /** What tells whether something has changed: another one after each change. */
  get state(): unknown {
    return this.#session.state;
  }

  /** Whether there is something to save. */
  get isChanged(): boolean {
    return this.#isBehind;
  }

  /**
   * Makes a call now. All that it writes takes place, or nothing if it throws; what it throws is a `CuError`. It may be
   * made again by a save, and has to be right then too.
   */
  run<T>(work: (engine: Engine) => T): Made<T> {
    const before = this.#session.state;
    this.#printed = [];
    const call = { work, result: this.#make(work) };
    this.#printed = this.#session.printed;
    if (this.#session.state !== before) {
      this.#isBehind = true;
      if (this.#whenBehind === 'replay') this.#unsaved.push(call);
    }
    return call;
  }

  /**
   * Takes back a call that is not saved; those behind it are made again without it. Only a workspace that replays can do
   * that. Nothing happens if it is saved.
   */
  undo(made: Made<unknown>): void {
    const others = this.#unsaved.filter((call) => call !== made);
    if (others.length === this.#unsaved.length) return;
    this.#unsaved = others;
    this.#isBehind = others.length > 0;
    this.#replay(this.#session.base);
  }

  /** What the last call that was made has printed, however it ended. */
  takePrinted(): Uint8Array[] {
    const printed = this.#printed;
    this.#printed = [];
    return printed;
  }

  /** Makes durable what the calls up to now have written. Saves that wait share one. */
  save(): Promise<void> {
    this.#next ??= this.#saving
      .catch(() => {})
      .then(() => {
        this.#next = undefined;
        this.#saving = this.#save();
        return this.#saving;
      });
    return this.#next;
  }

  /** Makes what is saved nothing; the state of this page stays what it is. */
  async clearSaved(): Promise<void> {
    await this.#transactor.submit('write', (_, durable) => this.#write(durable, Mirror.empty));
    this.#isBehind = true;
  }

  /** Goes to what is saved, by whichever page, and gives up what is not. */
  async restore(): Promise<void> {
    // A write has its turn behind all that others have committed.
    const state = await this.#transactor.submit('write', (_, durable) => durable.state);
    this.#unsaved = [];
    this.#isBehind = false;
    this.#goTo(state);
  }

  /** Goes along with what other pages commit, as long as there is nothing to save. Ends when the workspace is closed. */
  async follow(): Promise<void> {
    let { version } = this.#session.base;
    try {
      for (;;) {
        const state = await this.#transactor.newer(version);
        version = state.version;
        if (!this.#isBehind && version > this.#session.base.version) this.#goTo(state);
      }
    } catch (error) {
      if (!(error instanceof CuError) || !/^store-(closed|lost)$/.test(error.code)) throw error;
    }
  }

  /** Ends, after the saves that were begun. Nothing that is not saved is saved by it. */
  async close(): Promise<void> {
    await this.#transactor.close();
  }

  async #save(): Promise<void> {
    const [base, behind] = [this.#session.base, this.#isBehind];
    let taken: Call[] = [];
    try {
      await this.#transactor.submit('write', (_, durable) => {
        if (durable.state.mirror !== this.#session.base.mirror) this.#meet(durable.state);
        this.#write(durable, this.#session.state.mirror);
        taken = this.#unsaved;
        this.#unsaved = [];
        this.#isBehind = false;
        this.#session.hasReserved = false;
      });
    } catch (error) {
      this.#session.base = base;
      this.#unsaved = [...taken, ...this.#unsaved];
      this.#isBehind ||= behind;
      throw error;
    }
  }

  #write(durable: Session, mirror: Mirror): void {
    const changes = differences(durable.state.mirror, mirror);
    if (changes.count > 0) durable.commit([changes], mirror);
    this.#session.base = durable.state;
  }

  /** Does with what others have committed what was chosen. */
  #meet(state: State): void {
    if (this.#whenBehind === 'replace') {
      if (!this.#session.hasReserved) return;
      const message =
        'Another page has saved since, and the change feed of this database has both changes; load its state and make them again.';
      throw new CuError('store-conflict', message);
    }
    this.#replay(state);
  }

  /** Makes the calls that are not saved on another state. */
  #replay(state: State): void {
    this.#goTo(state);
    for (const call of this.#unsaved) {
      try {
        call.result = this.#make(call.work);
      } catch (error) {
        if (!(error instanceof CuError)) throw error;
        call.error = error;
      }
    }
  }

  #goTo(state: State): void {
    this.#session.base = state;
    if (state.mirror === this.#session.state.mirror) return;
    // The number is a new one: the engine may remember what it saw under the one before.
    this.#session.state = { mirror: state.mirror, version: this.#session.next };
  }

  #make<T>(work: (engine: Engine) => T): T {
    const session = this.#session;
    const before = session.state;
    session.writable = true;
    session.printed = [];
    try {
      this.#engine ??= makeEngine(this.#code, session, {});
      return work(this.#engine);
    } catch (thrown) {
      if (session.state !== before) session.state = { mirror: before.mirror, version: session.next };
      throw this.#errorOf(thrown);
    } finally {
      session.writable = false;
      session.commits = [];
    }
  }

  /** What a call threw; after a trap the engine is thrown away. */
  #errorOf(thrown: unknown): CuError {
    const failure = componentFailure(thrown);
    if (failure !== undefined) return errorOf(failure);
    if (thrown instanceof CuError) return thrown;
    this.#engine = undefined;
    return trapError(thrown);
  }
}
