/** The calls that a database and a transaction have in common: the typed API over the raw exports. */
import {
  type BatchOptions,
  type Operation,
  type Outcomes,
  outcomeOf,
  type Results,
  type StreamOptions,
} from './batch.ts';
import { decode } from './cbor/decode.ts';
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
  type SignalOptions,
  whole,
} from './options.ts';
import { type Documents, documents, type Runner } from './query/builder.ts';
import type { Given, PathOf } from './query/paths.ts';
import type {
  Aggregates,
  Columns,
  DistinctQuery,
  DocumentQuery,
  Grouped,
  GroupQuery,
  IndexDefinition,
  IndexInfo,
  IterateOptions,
  Keyed,
  Page,
  Plan,
  Projected,
  ProjectionQuery,
  Query,
} from './query/queries.ts';
import type { AnySchema, Declared, Document, DocumentOf, KeyOf, TableName } from './schema.ts';
import type { Durability } from './store/journal.ts';
import { applyChunks, CHUNK, type Operations as Stream } from './stream.ts';
import type { Key, ScanOptions, Stats, TableInfo } from './types.ts';

/** How many rows one step of `scan` and of `iterate` fetches. */
const PAGE_SIZE = 1000;

/** An index, or only its field or its fields. */
type IndexFor<T> = IndexDefinition<T> | (PathOf<T> & string) | readonly PathOf<T>[];

/** How durable a commit is, and a signal for all calls that it is about. */
export interface TransactionOptions extends SignalOptions {
  /** By default as the database's are. */
  readonly durability?: Durability;
}

export interface RetryOptions extends TransactionOptions {
  /** How often the work is begun at the most; 10 by default. */
  readonly attempts?: number;
}

/**
 * Documents, indexes, queries and Lua. `Schema` says of which types keys and documents are, table by table; a call may name another
 * type. What the database holds is not checked against them.
 */
export abstract class Calls<Schema = AnySchema> extends LuaCalls {
  /** The document, or undefined. */
  async get<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    table: Name,
    key: KeyOf<Schema, Name>,
    options?: SignalOptions,
  ): Promise<Document<Schema, Name, T> | undefined>;
  async get(table: string, key: Key, options?: SignalOptions): Promise<unknown> {
    const document = await this.on(options).documents.get(checkText(table, 'table'), componentKey(key));
    return document === undefined ? undefined : decode(document);
  }

  /** Stores a document in place of what was there. */
  async put<T, Name extends TableName<Schema> = TableName<Schema>>(
    table: Name,
    key: KeyOf<Schema, Name>,
    value: unknown extends DocumentOf<Schema, Name, unknown>
      ? T & Storable<T>
      : DocumentOf<Schema, Name> & Storable<DocumentOf<Schema, Name>>,
    options?: SignalOptions,
  ): Promise<void>;
  async put(table: string, key: Key, value: unknown, options?: SignalOptions): Promise<void> {
    await this.on(options).documents.put(
      checkText(table, 'table'),
      componentKey(key),
      encode(value as Value),
    );
  }

  /** Deletes a document; false if there was none. */
  async delete<Name extends TableName<Schema>>(
    table: Name,
    key: KeyOf<Schema, Name>,
    options?: SignalOptions,
  ): Promise<boolean>;
  async delete(table: string, key: Key, options?: SignalOptions): Promise<boolean> {
    return this.on(options).documents.delete(checkText(table, 'table'), componentKey(key));
  }

  /** The documents in the order of the keys, undefined where there is none. */
  async getMany<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    table: Name,
    keys: readonly KeyOf<Schema, Name>[],
    options?: SignalOptions,
  ): Promise<(Document<Schema, Name, T> | undefined)[]>;
  async getMany(table: string, keys: readonly Key[], options?: SignalOptions): Promise<unknown[]> {
    const documents = list(
      await this.on(options).documents.getMany(checkText(table, 'table'), encode(keys, 'keys')),
    );
    return documents.map((document) => (document === null ? undefined : document));
  }

  /**
   * The keys and documents in order. They come in pages, each a transaction of its own, so a long
   * walk may see what is written meanwhile.
   */
  scan<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    table: Name,
    options?: ScanOptions<KeyOf<Schema, Name>>,
  ): AsyncGenerator<Keyed<Document<Schema, Name, T>, KeyOf<Schema, Name>>, void, void>;
  async *scan(table: string, options: ScanOptions = {}): AsyncGenerator<unknown, void, void> {
    let start = options.start === undefined ? undefined : componentKey(options.start, 'start');
    let end = options.end === undefined ? undefined : componentKey(options.end, 'end');
    const backward = options.backward ?? false;
    let left = options.limit === undefined ? Infinity : Number(whole(options.limit, 'limit'));
    while (left > 0) {
      const page = await this.on(options).documents.scan(checkText(table, 'table'), {
        ...(start !== undefined && { start }),
        ...(end !== undefined && { end }),
        backward,
        limit: Math.min(left, PAGE_SIZE),
      });
      const rows = list(page.rows);
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
  async apply<const Operations extends readonly Operation<Schema>[]>(
    operations: Operations,
    options?: StreamOptions & { readonly mode?: 'atomic' },
  ): Promise<Results<Operations, Schema>>;
  async apply<const Operations extends readonly Operation<Schema>[]>(
    operations: Operations,
    options: StreamOptions & { readonly mode: 'best-effort' },
  ): Promise<Outcomes<Operations, Schema>>;
  /**
   * Runs a batch that comes bit by bit, such as from a generator that reads a file. It is still one transaction:
   * nothing of it shows before its end, and nothing is left if it fails, or if `signal` ends it.
   */
  async apply<One extends Operation<Schema>>(
    operations: Iterable<One> | AsyncIterable<One>,
    options?: StreamOptions,
  ): Promise<unknown[]>;
  async apply(given: object, options: StreamOptions = {}): Promise<unknown[]> {
    const operations = given as Stream;
    const { mode, chunk, onProgress, signal, durability } = options;
    if (Array.isArray(operations) && !chunk && !onProgress && !durability) {
      const isShort = operations.length <= CHUNK || this.heeded(signal) === undefined;
      if (isShort) return this.#applyWhole(operations, mode, signal);
    }
    if (!isIterable(operations)) {
      const message = 'operations must be an array, or something else that gives operations one by one.';
      throw new CuError('invalid-argument', message, { place: 'operations' });
    }
    return this.together(
      (calls) => applyChunks(operations, options, (chunk) => calls.#applyWhole(chunk, mode, signal)),
      // What comes bit by bit comes once.
      {
        signal: this.heeded(signal),
        ...(durability && { durability }),
        ...(!Array.isArray(operations) && { attempts: 1 }),
      },
    );
  }

  async #applyWhole(
    operations: readonly Operation[],
    mode: BatchOptions['mode'],
    signal: AbortSignal | undefined,
  ): Promise<unknown[]> {
    const batch = mode === undefined ? operations : { operations, mode };
    const results = list(
      await this.on({ signal }).documents.apply(encode(batch as unknown as Value, 'operations')),
    );
    return mode === 'best-effort' ? results.map((result) => outcomeOf(result as never)) : results;
  }

  /** Runs calls that take place together or not at all. @internal */
  protected abstract together<T>(work: (calls: Calls) => Promise<T>, options: RetryOptions): Promise<T>;

  /** The tables that exist, by name. */
  async tables(options?: SignalOptions): Promise<TableInfo[]> {
    const tables = await this.on(options).tables.list();
    return tables.map(({ name, documents, indexes }) => ({ name, documents: Number(documents), indexes }));
  }

  /** Removes a table with its documents, functions and indexes; false if there was none. */
  async dropTable(table: TableName<Schema>, options?: SignalOptions): Promise<boolean> {
    return this.on(options).tables.drop(checkText(table, 'table'));
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
  async createIndex<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    table: Name,
    definition: IndexFor<Given<Document<Schema, Name, T, unknown>>>,
    options?: IndexOptions,
  ): Promise<IndexInfo>;
  async createIndex(table: string, definition: string | object, options?: IndexOptions): Promise<IndexInfo> {
    const full =
      typeof definition === 'string'
        ? { fields: [definition] }
        : isList(definition)
          ? { fields: definition }
          : definition;
    checkText(table, 'table');
    if (options === undefined) {
      return indexInfo(
        await this.on(options).indexes.create(table, encode(full as unknown as Value, 'definition')),
      );
    }
    const inSteps = encode({ ...full, background: true } as unknown as Value, 'definition');
    this.on(options);
    const { onProgress } = options;
    const signal = this.heeded(options.signal);
    // Not as calls that can be taken back: what is begun has to be removed.
    return indexInfo(await buildIndex(this.raw.indexes, table, inSteps, { signal, onProgress }));
  }

  /** Removes an index; false if there was none. */
  async dropIndex(table: TableName<Schema>, name: string, options?: SignalOptions): Promise<boolean> {
    return dropIndex(this.on(options).indexes, checkText(table, 'table'), checkText(name, 'name'));
  }

  /** The indexes of a table. */
  async indexes(table: TableName<Schema>, options?: SignalOptions): Promise<IndexInfo[]> {
    return (await this.on(options).indexes.list(checkText(table, 'table'))).map(indexInfo);
  }

  /** What an index holds, in numbers. */
  async indexStatistics(
    table: TableName<Schema>,
    name: string,
    options?: SignalOptions,
  ): Promise<IndexStatistics> {
    const statistics = await this.on(options).indexes.statistics(
      checkText(table, 'table'),
      checkText(name, 'name'),
    );
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
  async query<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: DocumentQuery<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: SignalOptions,
  ): Promise<Keyed<Document<Schema, Name, T>, KeyOf<Schema, Given<Name>>>[]>;
  async query<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Selects extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: ProjectionQuery<Given<Document<Schema, Name, T, unknown>>, Name, Selects>,
    options?: SignalOptions,
  ): Promise<Keyed<Projected<Document<Schema, Name, T>, Selects>, KeyOf<Schema, Given<Name>>>[]>;
  async query<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Selects extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: DistinctQuery<Given<Document<Schema, Name, T, unknown>>, Name, Selects>,
    options?: SignalOptions,
  ): Promise<Projected<Document<Schema, Name, T>, Selects>[]>;
  async query<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Groups extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
    const Tells extends Aggregates<Document<Schema, Name, T, unknown>> = Aggregates<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: GroupQuery<Given<Document<Schema, Name, T, unknown>>, Name, Groups, Tells>,
    options?: SignalOptions,
  ): Promise<Grouped<Document<Schema, Name, T>, Groups, Tells>[]>;
  async query<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: Query<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: SignalOptions,
  ): Promise<unknown[]>;
  async query(query: object, options?: SignalOptions): Promise<unknown[]> {
    return list(await this.on(options).queries.run(queryBytes(query)));
  }

  /** Some rows of a query, at most its `limit`, and where the next page begins. */
  async page<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: DocumentQuery<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: SignalOptions,
  ): Promise<Page<Keyed<Document<Schema, Name, T>, KeyOf<Schema, Given<Name>>>>>;
  async page<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Selects extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: ProjectionQuery<Given<Document<Schema, Name, T, unknown>>, Name, Selects>,
    options?: SignalOptions,
  ): Promise<Page<Keyed<Projected<Document<Schema, Name, T>, Selects>, KeyOf<Schema, Given<Name>>>>>;
  async page<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: Query<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: SignalOptions,
  ): Promise<Page<unknown>>;
  async page(query: object, options?: SignalOptions): Promise<Page<unknown>> {
    return this.#page(query, options);
  }

  async #page(query: object, options?: SignalOptions): Promise<Page<unknown>> {
    const { rows, next } = await this.on(options).queries.page(queryBytes(query));
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
  iterate<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: DocumentQuery<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: IterateOptions,
  ): AsyncGenerator<Keyed<Document<Schema, Name, T>, KeyOf<Schema, Given<Name>>>, void, void>;
  iterate<
    T = Declared,
    Name extends TableName<Schema> = TableName<Schema>,
    const Selects extends Columns<Document<Schema, Name, T, unknown>> = Columns<
      Document<Schema, Name, T, unknown>
    >,
  >(
    query: ProjectionQuery<Given<Document<Schema, Name, T, unknown>>, Name, Selects>,
    options?: IterateOptions,
  ): AsyncGenerator<
    Keyed<Projected<Document<Schema, Name, T>, Selects>, KeyOf<Schema, Given<Name>>>,
    void,
    void
  >;
  iterate<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: Query<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: IterateOptions,
  ): AsyncGenerator<unknown, void, void>;
  async *iterate(
    given: object,
    { pageSize = PAGE_SIZE, signal }: IterateOptions = {},
  ): AsyncGenerator<unknown, void, void> {
    const query = given as Query;
    if (query.distinct || query.groupBy || query.aggregate) {
      yield* list(await this.on({ signal }).queries.run(queryBytes(query)));
      return;
    }
    const size = Number(whole(pageSize, 'pageSize', 1n, 2n ** 32n));
    let left = query.limit ?? Infinity;
    let at: Pick<Query, 'after' | 'offset'> = {};
    while (left > 0) {
      const { rows, next } = await this.#page({ ...query, ...at, limit: Math.min(left, size) }, { signal });
      yield* rows;
      if (next === undefined) return;
      left -= rows.length;
      at = { after: next, offset: 0 } as typeof at;
    }
  }

  /** How many rows a query asks for. */
  async count<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: Query<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: SignalOptions,
  ): Promise<number>;
  async count(query: object, options?: SignalOptions): Promise<number> {
    return Number(await this.on(options).queries.count(queryBytes(query)));
  }

  /** How a query would find its documents. */
  async explain<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    query: Query<Given<Document<Schema, Name, T, unknown>>, Name>,
    options?: SignalOptions,
  ): Promise<Plan>;
  async explain(query: object, options?: SignalOptions): Promise<Plan> {
    return decode(await this.on(options).queries.explain(queryBytes(query))) as unknown as Plan;
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
  table<T = Declared, Name extends TableName<Schema> = TableName<Schema>>(
    name: Name,
  ): Documents<Document<Schema, Name, T, unknown>, Document<Schema, Name, T, unknown>, KeyOf<Schema, Name>> {
    return documents(this as unknown as Runner, checkText(name, 'table'));
  }

  async stats(options?: SignalOptions): Promise<Stats> {
    return decode(await this.on(options).admin.stats()) as unknown as Stats;
  }

  /** The limits in force for calls that do not say otherwise. */
  async limits(options?: SignalOptions): Promise<LimitsInForce> {
    return limitsInForce(await this.on(options).admin.limits());
  }

  /** Sets the limits of the database, all of them: what is absent goes back to its default. */
  async setLimits(limits: Limits, options?: SignalOptions): Promise<void> {
    await this.on(options).admin.setLimits(componentLimits(limits));
  }

  /** SHA-256 over everything the database holds; equal states have equal digests everywhere. */
  async digest(options?: SignalOptions): Promise<Uint8Array> {
    return this.on(options).admin.digest();
  }
}
