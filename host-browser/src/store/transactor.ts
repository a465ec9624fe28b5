/**
 * Runs calls one after the other and makes what they commit durable.
 *
 * Calls that write and that wait at the same time form a batch: they run in their order, their commits become one log
 * record, and none of them resolves before that record is durable. If the journal refuses, the state goes back to where the
 * batch began and every call of the batch that committed, or that may have seen such a commit, rejects; and so do all that are
 * to write if it does not even tell what others have committed.
 *
 * A batch runs while the journal's `append` finds out whether anybody else has committed. If somebody has, it is undone and
 * runs again where nobody else can commit; and so do the next ones from the start, as long as there are others.
 *
 * Reads run at once unless something that writes is ahead of them; then they keep their place, so
 * that a caller reads what it wrote without having to wait for it. Lua code often only reads, but
 * nobody knows before it has run: it runs at once, too, and only if it did commit a batch begins
 * with it.
 */
import { CuError, cancelledBy, componentFailure, errorOf, trapError } from '../errors.ts';
import { turn } from '../turn.ts';
import type { PrintHandler, Session } from './imports.ts';
import { type Durability, Interrupted, type Journal, type StorageInfo } from './journal.ts';
import type { LogRecord } from './record.ts';
import { advance, type State } from './state.ts';

/** A batch ends when it has run for so long, in ms, or holds so much: the page wants its turn. */
const BATCH_TIME = 50;
const BATCH_BYTES = 8 * 1024 * 1024;

/** How long calls may have run, in ms, before one that can be taken back: after that its signal is listened for first. */
const DEAF_TIME = 5;

/** `read`: a commit is refused. `maybe`: the call may write, and may be run a second time. */
export type Mode = 'read' | 'maybe' | 'write';

/** What a call does. The session is there for calls that are an engine's of their own. */
export type Work<Engine, T> = (engine: Engine, session: Session) => T;

interface Call<Engine> {
  readonly mode: Mode;
  readonly durability: Durability;
  readonly work: Work<Engine, unknown>;
  readonly resolve: (result: never) => void;
  readonly reject: (error: CuError) => void;
  /** Whether others may take it back: they have to be heard before it runs. */
  readonly isWithdrawable?: boolean;
}

/** How a call ended. */
interface Outcome<Engine> {
  readonly call: Call<Engine>;
  /** Whether it holds only if the batch becomes durable. */
  readonly uncertain: boolean;
  /** Tells the caller, or tells it this error in place of the outcome. */
  readonly settle: (error?: CuError) => void;
}

/** Thrown inside the journal's `append` to say that everything must be read anew. */
class Behind extends Error {}

export class Transactor<Engine> {
  readonly #journal: Journal;
  readonly #session: Session;
  readonly #makeEngine: (session: Session) => Engine;
  readonly #print: PrintHandler;
  /** Whether calls that write must not run twice: they may have done what no state tells. */
  readonly #once: boolean;
  #engine: Engine | undefined;
  readonly #queue: Call<Engine>[] = [];
  /** When calls began to run, unless the thread has had its turn since. */
  #busySince: number | undefined;
  #draining: Promise<void> | undefined;
  #foreignVersion = 0;
  #closed: CuError | undefined;
  #isLost = false;
  /** Whether others have committed in between when this last wrote. */
  #isContended = false;
  /** Resolved, and replaced, when there is a newer state, or when there will be none any more. */
  #news = Promise.withResolvers<void>();

  constructor(
    journal: Journal,
    session: Session,
    makeEngine: (session: Session) => Engine,
    print: PrintHandler = () => {},
    once = false,
  ) {
    this.#journal = journal;
    this.#session = session;
    this.#makeEngine = makeEngine;
    this.#print = print;
    this.#once = once;
    journal.onForeignCommit = (version) => {
      this.#foreignVersion = Math.max(this.#foreignVersion, version);
      this.#wake();
    };
    journal.onLost = (error) => {
      this.#closed = error;
      this.#isLost = true;
      this.#tell();
    };
  }

  /** Runs a call in its turn; by default its commit is as durable as the journal's are. */
  submit<T>(
    mode: Mode,
    work: Work<Engine, T>,
    durability = this.#journal.durability,
    signal?: AbortSignal,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed !== undefined) {
        reject(this.#closed);
        return;
      }
      if (signal?.aborted) {
        reject(cancelledBy(signal));
        return;
      }
      const call = { mode, durability, work, resolve, reject };
      this.#queue.push(signal === undefined ? call : withdrawable(call, signal, this.#queue));
      this.#wake();
    });
  }

  /** The state in a call's turn; it is durable. */
  state(): Promise<State> {
    return this.submit('read', () => this.#session.state);
  }

  /** A state with a later commit than the one of this number, as soon as there is one; it is durable. */
  async newer(version: number, signal?: AbortSignal): Promise<State> {
    for (;;) {
      const news = this.#news.promise;
      const state = await this.state();
      if (state.version > version) return state;
      await firstOf(news, signal);
      signal?.throwIfAborted();
    }
  }

  get info(): StorageInfo {
    return this.#journal.info(this.#session.state);
  }

  /** Resolves when no call runs or waits. */
  async idle(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** Ends after the calls that were submitted before. Later ones are the error. */
  async close(error = new CuError('store-closed', 'The database was closed; open it again.')): Promise<void> {
    this.#closed ??= error;
    this.#tell();
    await this.idle();
    await this.#journal.close();
  }

  #wake(): void {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      if (this.#queue.length > 0) this.#wake();
    });
  }

  async #drain(): Promise<void> {
    // A turn of its own: the calls that the caller makes now share what comes.
    await undefined;
    this.#busySince = undefined;
    for (;;) {
      // What is in memory may be of a database that is gone.
      const { reconnecting } = this.#journal;
      if (reconnecting !== undefined) await reconnecting;
      if (this.#isLost) {
        for (const call of this.#queue.splice(0)) call.reject(this.#closed!);
        return;
      }
      if (this.#foreignVersion > this.#session.state.version) {
        await this.#catchUp();
        this.#tell();
      }
      if (this.#queue.length === 0) break;
      const before = this.#session.state;
      const ahead = this.#runAhead();
      const isBatch = this.#queue[0]?.mode === 'write' && !this.#hasToListen();
      if (ahead !== undefined || isBatch) {
        await this.#runBatch(before, ahead);
        this.#rest();
      }
      // Promises alone never give the page its turn; transactions do.
      else if (this.#queue.length > 0) {
        await turn();
        this.#busySince = undefined;
      }
    }
    this.#rest();
  }

  #rest(): void {
    if (this.#closed === undefined) this.#journal.rest(this.#session.state);
  }

  /** Runs what may not need a transaction, and gives the first call that turns out to. */
  #runAhead(): Outcome<Engine> | undefined {
    const end = Date.now() + BATCH_TIME;
    while (
      this.#queue.length > 0 &&
      this.#queue[0]!.mode !== 'write' &&
      Date.now() < end &&
      !this.#hasToListen()
    ) {
      const outcome = this.#run(this.#queue.shift()!);
      if (outcome.uncertain) return outcome;
      outcome.settle();
    }
    return undefined;
  }

  async #runBatch(before: State, ahead: Outcome<Engine> | undefined): Promise<void> {
    let outcomes = ahead === undefined ? [] : [ahead];
    const calls = [...outcomes.map(({ call }) => call), ...this.#queue];
    const durability = calls.some(({ durability }) => durability === 'strict') ? 'strict' : 'relaxed';
    let hasRun = false;
    /** Whether it is known what others have committed. */
    let isAnswered = false;
    let ready: LogRecord | undefined;
    const runAhead = () => {
      this.#runQueued(outcomes, durability);
      hasRun = true;
      ready = this.#record(before.version);
      return ready;
    };
    const mayRunAhead = !this.#once && !this.#isContended;
    try {
      await this.#journal.append(before.version, durability, mayRunAhead ? runAhead : undefined, (missed) => {
        let { version } = before;
        isAnswered = true;
        this.#isContended = missed.length > 0;
        if (missed.length === 0) {
          if (hasRun) return ready;
        } else {
          // What ran ahead did not see this.
          this.#queue.unshift(...outcomes.map(({ call }) => call));
          outcomes = [];
          this.#goBack(before);
          this.#advance(missed);
          version = this.#session.state.version;
        }
        this.#runQueued(outcomes, durability);
        return this.#record(version);
      });
      this.#session.commits = [];
      this.#tell();
    } catch (thrown) {
      this.#goBack(before);
      if (thrown instanceof Behind) {
        await this.#reload();
        return;
      }
      if (thrown instanceof Interrupted && !this.#once) {
        this.#queue.unshift(...outcomes.map(({ call }) => call));
        return;
      }
      const error = storeError(thrown);
      if (outcomes.length === 0) this.#rejectHead(error);
      for (const { call, uncertain, settle } of outcomes) {
        // A call that is to write has to see the newest state, whatever comes of it.
        settle(uncertain || (call.mode === 'write' && !isAnswered) ? error : undefined);
      }
      return;
    }
    for (const { settle } of outcomes) settle();
  }

  /** What was committed after a version. */
  #record(version: number): LogRecord | undefined {
    const runs = this.#session.commits;
    if (runs.length === 0) return undefined;
    return { first: version + 1, version: this.#session.state.version, runs };
  }

  /** Runs what waits, as far as one batch of this durability goes. */
  #runQueued(outcomes: Outcome<Engine>[], durability: Durability): void {
    const isOfBatch = (call: Call<Engine>) => call.durability === 'relaxed' || durability === 'strict';
    const end = Date.now() + BATCH_TIME;
    let bytes = 0;
    let counted = 0;
    while (
      this.#queue[0] !== undefined &&
      isOfBatch(this.#queue[0]) &&
      bytes < BATCH_BYTES &&
      Date.now() < end &&
      !this.#hasToListen()
    ) {
      outcomes.push(this.#run(this.#queue.shift()!));
      for (; counted < this.#session.commits.length; counted++) {
        bytes += this.#session.commits[counted]!.bytes.length;
      }
    }
  }

  /** Whether the next call may have been taken back while others ran, which nobody could hear. */
  #hasToListen(): boolean {
    return (
      this.#queue[0]?.isWithdrawable === true &&
      this.#busySince !== undefined &&
      Date.now() - this.#busySince >= DEAF_TIME
    );
  }

  #run(call: Call<Engine>): Outcome<Engine> {
    this.#busySince ??= Date.now();
    const session = this.#session;
    const before = session.state;
    const commits = session.commits.length;
    session.writable = call.mode !== 'read';
    let tell: () => void;
    try {
      this.#engine ??= this.#makeEngine(session);
      const result = call.work(this.#engine, session);
      tell = () => call.resolve(result as never);
    } catch (thrown) {
      const error = this.#callError(thrown);
      tell = () => call.reject(error);
      // A call that fails has changed nothing, not even if it fails after its commit.
      if (session.commits.length > commits) {
        session.commits.length = commits;
        session.state = before;
        this.#engine = undefined;
      }
    }
    session.writable = false;
    const printed = session.printed;
    session.printed = [];
    return {
      call,
      uncertain: session.commits.length > 0,
      settle: (error) => {
        for (const text of printed) this.#print(text);
        if (error === undefined) tell();
        else call.reject(error);
      },
    };
  }

  /** What a call threw; after a trap the instance is thrown away. */
  #callError(thrown: unknown): CuError {
    const failure = componentFailure(thrown);
    if (failure !== undefined) return errorOf(failure);
    if (thrown instanceof CuError) return thrown;
    this.#engine = undefined;
    return trapError(thrown);
  }

  /** Applies what others have committed. */
  #advance(records: LogRecord[]): void {
    const state = advance(this.#session.state, records);
    if (state === undefined) throw new Behind();
    this.#session.state = state;
  }

  async #catchUp(): Promise<void> {
    const heard = this.#foreignVersion;
    try {
      this.#advance(await this.#journal.missed(this.#session.state.version));
    } catch (thrown) {
      if (thrown instanceof Behind) {
        await this.#reload();
      } else {
        this.#foreignVersion = 0;
        if (this.#queue.length > 0) this.#rejectHead(storeError(thrown));
        return;
      }
    }
    // A commit that was announced and is not there was deleted with its database.
    if (this.#foreignVersion === heard) this.#foreignVersion = 0;
  }

  async #reload(): Promise<void> {
    try {
      this.#session.state = await this.#journal.load();
    } catch (thrown) {
      const error = storeError(thrown);
      this.#foreignVersion = 0;
      if (this.#queue.length > 0) this.#rejectHead(error);
    }
  }

  /** Returns to a state that is durable; the component's caches may know of the other one. */
  #goBack(state: State): void {
    this.#session.commits = [];
    if (this.#session.state === state) return;
    this.#session.state = state;
    this.#engine = undefined;
  }

  /** Wakes those who wait for a newer state. */
  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  #rejectHead(error: CuError): void {
    this.#queue.shift()?.reject(this.#closed ?? error);
  }
}

/** A call that leaves the queue and rejects when the signal is raised before its turn. */
function withdrawable<Engine>(call: Call<Engine>, signal: AbortSignal, queue: Call<Engine>[]): Call<Engine> {
  const settled = () => signal.removeEventListener('abort', withdraw);
  const own: Call<Engine> = {
    ...call,
    isWithdrawable: true,
    resolve: (result) => {
      settled();
      call.resolve(result);
    },
    reject: (error) => {
      settled();
      call.reject(error);
    },
  };
  const withdraw = () => {
    const at = queue.indexOf(own);
    if (at < 0) return;
    queue.splice(at, 1);
    own.reject(cancelledBy(signal));
  };
  signal.addEventListener('abort', withdraw);
  return own;
}

/** Resolves with the promise or when the signal is raised, and leaves no listener behind. */
function firstOf(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal?.removeEventListener('abort', done);
      resolve();
    };
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
    promise.then(done);
  });
}

/** What a journal threw, which is a `CuError` unless the journal itself is wrong. */
function storeError(thrown: unknown): CuError {
  if (thrown instanceof CuError) return thrown;
  return new CuError('store-io', `The storage failed: ${thrown}`, { cause: thrown });
}
