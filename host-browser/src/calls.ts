/** The calls that a database and a transaction have in common: the typed API over the raw exports. */
import {
  type BatchOptions,
  type Operation,
  type Outcomes,
  outcomeOf,
  type Results,
  type StreamOptions,
} from './batch.ts';
import { type Decoded, decode } from './cbor/decode.ts';
import { encode } from './cbor/encode.ts';
import type { Storable, Value } from './cbor/values.ts';
import { componentKey, indexInfo, isIterable, isList, list, queryBytes } from './component.ts';
import { CuError } from './errors.ts';
import { buildIndex, dropIndex, type IndexOptions, type IndexStatistics } from './indexes.ts';
import { LuaCalls } from './lua.ts';
import {
  checkText,
  componentLimits,
  type Limits,
  type LimitsInForce,
  limitsInForce,
  whole,
} from './options.ts';
import { type Documents, documents } from './query/builder.ts';
import type { Given, PathOf } from './query/paths.ts';
import type {
  DistinctQuery,
  DocumentQuery,
  GroupQuery,
  IndexDefinition,
  IndexInfo,
  IterateOptions,
  Keyed,
  Page,
  Plan,
  ProjectionQuery,
  Query,
  Row,
} from './query/queries.ts';
import type { Durability } from './store/journal.ts';
import { applyChunks, type Operations as Stream } from './stream.ts';
import type { Key, ScanOptions, Stats, TableInfo } from './types.ts';

/** How many rows one step of `scan` and of `iterate` fetches. */
const PAGE_SIZE = 1000;

/** How durable a commit is. */
export interface TransactionOptions {
  /** By default as the database's are. */
  readonly durability?: Durability;
}

export interface RetryOptions extends TransactionOptions {
  /** How often the work is begun at the most; 10 by default. */
  readonly attempts?: number;
}

/** Documents, indexes, queries and Lua. Values of a type that is given are not checked against it. */
export abstract class Calls extends LuaCalls {
  /** The document, or undefined. */
  async get<T = Decoded>(table: string, key: Key): Promise<T | undefined> {
    const document = await this.raw.documents.get(checkText(table, 'table'), componentKey(key));
    return document === undefined ? undefined : (decode(document) as T);
  }

  /** Stores a document in place of what was there. */
  async put<T>(table: string, key: Key, value: T & Storable<T>): Promise<void> {
    await this.raw.documents.put(checkText(table, 'table'), componentKey(key), encode(value as Value));
  }

  /** Deletes a document; false if there was none. */
  async delete(table: string, key: Key): Promise<boolean> {
    return this.raw.documents.delete(checkText(table, 'table'), componentKey(key));
  }

  /** The documents in the order of the keys, undefined where there is none. */
  async getMany<T = Decoded>(table: string, keys: readonly Key[]): Promise<(T | undefined)[]> {
    const documents = list(await this.raw.documents.getMany(checkText(table, 'table'), encode(keys, 'keys')));
    return documents.map((document) => (document === null ? undefined : (document as T)));
  }

  /**
   * The keys and documents in order. They come in pages, each a transaction of its own, so a long
   * walk may see what is written meanwhile.
   */
  async *scan<T = Decoded>(table: string, options: ScanOptions = {}): AsyncGenerator<Keyed<T>, void, void> {
    let start = options.start === undefined ? undefined : componentKey(options.start, 'start');
    let end = options.end === undefined ? undefined : componentKey(options.end, 'end');
    const backward = options.backward ?? false;
    let left = options.limit === undefined ? Infinity : Number(whole(options.limit, 'limit'));
    while (left > 0) {
      const page = await this.raw.documents.scan(checkText(table, 'table'), {
        ...(start !== undefined && { start }),
        ...(end !== undefined && { end }),
        backward,
        limit: Math.min(left, PAGE_SIZE),
      });
      const rows = decode(page.rows) as Keyed<T>[];
      yield* rows;
      if (page.next === undefined) return;
      left -= rows.length;
      if (backward) end = page.next;
      else start = page.next;
    }
  }

  /**
   * Runs a batch as one transaction, and gives one result for each operation. In mode `best-effort`, each
   * operation stands for itself: one that fails changes nothing, its outcome has the error, and the others take
   * place.
   *
   * ```ts
   * const [, age] = await db.apply([
   *   { op: 'update', table: 'users', key: 'ada', changes: [{ op: 'increment', field: 'age', value: 1 }] },
   *   { op: 'get', table: 'users', key: 'ada' },
   * ]);
   * ```
   */
  async apply<const Operations extends readonly Operation[]>(
    operations: Operations,
    options?: StreamOptions & { readonly mode?: 'atomic' },
  ): Promise<Results<Operations>>;
  async apply<const Operations extends readonly Operation[]>(
    operations: Operations,
    options: StreamOptions & { readonly mode: 'best-effort' },
  ): Promise<Outcomes<Operations>>;
  /**
   * Runs a batch that comes bit by bit, such as from a generator that reads a file. It is still one transaction:
   * nothing of it shows before its end, and nothing is left if it fails, or if `signal` ends it.
   */
  async apply(
    operations: Iterable<Operation> | AsyncIterable<Operation>,
    options?: StreamOptions,
  ): Promise<unknown[]>;
  async apply(operations: Stream, options: StreamOptions = {}): Promise<unknown[]> {
    const { mode, chunk, onProgress, signal, durability } = options;
    const isWhole = Array.isArray(operations) && !chunk && !onProgress && !signal && !durability;
    if (isWhole) return this.#applyWhole(operations, mode);
    if (!isIterable(operations)) {
      const message = 'operations must be an array, or something else that gives operations one by one.';
      throw new CuError('invalid-argument', message, { place: 'operations' });
    }
    return this.together(
      (calls) => applyChunks(operations, options, (chunk) => calls.#applyWhole(chunk, mode)),
      // What comes bit by bit comes once.
      { ...(durability && { durability }), ...(!Array.isArray(operations) && { attempts: 1 }) },
    );
  }

  async #applyWhole(operations: readonly Operation[], mode: BatchOptions['mode']): Promise<unknown[]> {
    const batch = mode === undefined ? operations : { operations, mode };
    const results = list(await this.raw.documents.apply(encode(batch as unknown as Value, 'operations')));
    return mode === 'best-effort' ? results.map((result) => outcomeOf(result as never)) : results;
  }

  /** Runs calls that take place together or not at all. @internal */
  protected abstract together<T>(work: (calls: Calls) => Promise<T>, options: RetryOptions): Promise<T>;

  /** The tables that exist, by name. */
  async tables(): Promise<TableInfo[]> {
    const tables = await this.raw.tables.list();
    return tables.map(({ name, documents, indexes }) => ({ name, documents: Number(documents), indexes }));
  }

  /** Removes a table with its documents, functions and indexes; false if there was none. */
  async dropTable(table: string): Promise<boolean> {
    return this.raw.tables.drop(checkText(table, 'table'));
  }

  /**
   * Makes an index, and the table if there is none. A string or an array stands for its fields.
   *
   * With options, it is built in steps, each a call of its own: no call is long, and memory does not grow with the
   * table. No query uses it until the last step. If the page is closed in between, the same call goes on where it was.
   * If it rejects, nothing is left of the index.
   *
   * ```ts
   * await db.createIndex('cities', 'population', { onProgress: ({ done, total }) => show(done / total) });
   * ```
   */
  async createIndex<T = unknown>(
    table: string,
    definition: IndexDefinition<Given<T>> | (PathOf<Given<T>> & string) | readonly PathOf<Given<T>>[],
    options?: IndexOptions,
  ): Promise<IndexInfo> {
    const full =
      typeof definition === 'string'
        ? { fields: [definition] }
        : isList(definition)
          ? { fields: definition }
          : definition;
    checkText(table, 'table');
    if (options === undefined) {
      return indexInfo(await this.raw.indexes.create(table, encode(full as unknown as Value, 'definition')));
    }
    const inSteps = encode({ ...full, background: true } as unknown as Value, 'definition');
    return indexInfo(await buildIndex(this.raw.indexes, table, inSteps, options));
  }

  /** Removes an index; false if there was none. */
  async dropIndex(table: string, name: string): Promise<boolean> {
    return dropIndex(this.raw.indexes, checkText(table, 'table'), checkText(name, 'name'));
  }

  /** The indexes of a table. */
  async indexes(table: string): Promise<IndexInfo[]> {
    return (await this.raw.indexes.list(checkText(table, 'table'))).map(indexInfo);
  }

  /** What an index holds, in numbers. */
  async indexStatistics(table: string, name: string): Promise<IndexStatistics> {
    const statistics = await this.raw.indexes.statistics(checkText(table, 'table'), checkText(name, 'name'));
    return decode(statistics) as unknown as IndexStatistics;
  }

  /**
   * The keys and documents that a query asks for, or rows that are made of documents.
   *
   * ```ts
   * const rows = await db.query<City>({
   *   table: 'cities',
   *   where: { field: 'population', op: '>', value: 1_000_000 },
   *   sort: [{ field: 'population', descending: true }],
   *   limit: 10,
   * });
   * ```
   */
  async query<T = Decoded>(query: DocumentQuery<Given<T>>): Promise<Keyed<T>[]>;
  async query<T = unknown>(query: ProjectionQuery<Given<T>>): Promise<Keyed<Row>[]>;
  async query<T = unknown>(query: DistinctQuery<Given<T>> | GroupQuery<Given<T>>): Promise<Row[]>;
  async query<T = unknown>(query: Query<Given<T>>): Promise<(Keyed<T> | Keyed<Row> | Row)[]>;
  async query(query: Query): Promise<unknown[]> {
    return list(await this.raw.queries.run(queryBytes(query)));
  }

  /** Some rows of a query, at most its `limit`, and where the next page begins. */
  async page<T = Decoded>(query: DocumentQuery<Given<T>>): Promise<Page<Keyed<T>>>;
  async page<T = unknown>(query: ProjectionQuery<Given<T>>): Promise<Page<Keyed<Row>>>;
  async page<T = unknown>(query: Query<Given<T>>): Promise<Page<unknown>>;
  async page(query: Query): Promise<Page<unknown>> {
    const { rows, next } = await this.raw.queries.page(queryBytes(query));
    return { rows: list(rows), next };
  }

  /**
   * All rows of a query, fetched in pages, each a transaction of its own: a long walk may see what is written
   * meanwhile, and never gives a document twice that stays where it is.
   *
   * ```ts
   * for await (const [key, user] of db.iterate<User>({ table: 'users', sort: ['age'] })) …
   * ```
   */
  iterate<T = Decoded>(
    query: DocumentQuery<Given<T>>,
    options?: IterateOptions,
  ): AsyncGenerator<Keyed<T>, void, void>;
  iterate<T = unknown>(
    query: ProjectionQuery<Given<T>>,
    options?: IterateOptions,
  ): AsyncGenerator<Keyed<Row>, void, void>;
  iterate<T = unknown>(query: Query<Given<T>>, options?: IterateOptions): AsyncGenerator<unknown, void, void>;
  async *iterate(query: Query, { pageSize = PAGE_SIZE }: IterateOptions = {}) {
    if (query.distinct || query.groupBy || query.aggregate) {
      yield* await this.query(query);
      return;
    }
    const size = Number(whole(pageSize, 'pageSize', 1n, 2n ** 32n));
    let left = query.limit ?? Infinity;
    let at: Pick<Query, 'after' | 'offset'> = {};
    while (left > 0) {
      const { rows, next } = await this.page({ ...query, ...at, limit: Math.min(left, size) } as Query);
      yield* rows;
      if (next === undefined) return;
      left -= rows.length;
      at = { after: next, offset: 0 } as typeof at;
    }
  }

  /** How many rows a query asks for. */
  async count<T = unknown>(query: Query<Given<T>>): Promise<number> {
    return Number(await this.raw.queries.count(queryBytes(query)));
  }

  /** How a query would find its documents. */
  async explain<T = unknown>(query: Query<Given<T>>): Promise<Plan> {
    return decode(await this.raw.queries.explain(queryBytes(query))) as unknown as Plan;
  }

  /**
   * Begins a query for documents of a type, which is put together step by step.
   *
   * ```ts
   * const adults = db.table<User>('users').where('age', '>=', 18);
   * const oldest = await adults.orderBy('-age').limit(10).run();
   * const cities = await adults.groupBy('city').aggregate({ people: { op: 'count' } }).run();
   * await adults.update([{ op: 'set', field: 'adult', value: true }]);
   * ```
   */
  table<T = unknown>(name: string): Documents<T> {
    return documents<T>(this, checkText(name, 'table'));
  }

  async stats(): Promise<Stats> {
    return decode(await this.raw.admin.stats()) as unknown as Stats;
  }

  /** The limits in force for calls that do not say otherwise. */
  async limits(): Promise<LimitsInForce> {
    return limitsInForce(await this.raw.admin.limits());
  }

  /** Sets the limits of the database, all of them: what is absent goes back to its default. */
  async setLimits(limits: Limits): Promise<void> {
    await this.raw.admin.setLimits(componentLimits(limits));
  }

  /** SHA-256 over everything the database holds; equal states have equal digests everywhere. */
  async digest(): Promise<Uint8Array> {
    return this.raw.admin.digest();
  }
}
