/** Queries put together step by step. */
import type { Change, Patch } from '../batch.ts';
import { CuError } from '../errors.ts';
import type { Live, LiveOptions } from '../live.ts';
import type { SignalOptions } from '../options.ts';
import type { Key } from '../types.ts';
import type { Condition, OperandOf, OperatorOf } from './conditions.ts';
import type { At, PathOf, TextPath } from './paths.ts';
import type {
  Aggregated,
  Aggregates,
  Cursor,
  DocumentQuery,
  GroupQuery,
  IterateOptions,
  Keyed,
  Page,
  Plan,
  Query,
  Selected,
} from './queries.ts';

/** What an order is made of: `name` goes up, `-name` goes down. */
export type Ordering<T> =
  | PathOf<T>
  | `-${TextPath<T>}`
  | { readonly field: PathOf<T>; readonly descending?: boolean };

/** Paths as columns: each is named by its text. */
type Named<Paths extends readonly unknown[]> = { [Path in Paths[number] & string]: Path };

/** The columns of a row: each name with its path. */
export interface ColumnPaths<T> {
  readonly [name: string]: PathOf<T>;
}

/** What `explain` takes. */
export interface ExplainOptions extends SignalOptions {
  /** Whether the query is run and what it met is told. */
  readonly analyze?: boolean;
  /** Whether the plan is told in lines for people, too. */
  readonly text?: boolean;
}

/** What all queries have. Each step gives a new one; nothing runs before it is asked for. */
interface Steps<Self, R> extends AsyncIterable<R> {
  /** At most so many rows. */
  limit(rows: number): Self;
  /** Leaves out so many rows. */
  offset(rows: number): Self;
  /** The rows. */
  run(options?: SignalOptions): Promise<R[]>;
  /** The first row; undefined if there is none. */
  first(options?: SignalOptions): Promise<R | undefined>;
  /** How many rows `run` would give. */
  count(options?: SignalOptions): Promise<number>;
  /** How the rows would be found; with `analyze`, the query is run and what it met is told. */
  explain(options?: ExplainOptions): Promise<Plan>;
  /** The rows, kept up to date. Not in a transaction. */
  live(options?: LiveOptions): Live<R>;
}

/** Takes a condition in parts: a field, an operator and what it is compared with; or as a whole. */
interface Where<T, Self> {
  <const Path extends PathOf<T>, Op extends OperatorOf<At<T, Path>>>(
    field: Path,
    op: Op,
    value: OperandOf<At<T, Path>, Op>,
  ): Self;
  (condition: Condition<T>): Self;
}

/** A query for documents of type `T`, whose rows have keys of type `K` and documents of type `R`. */
export interface Documents<T, R = T, K = Key> extends Steps<Documents<T, R, K>, Keyed<R, K>> {
  /** The query as data. */
  readonly query: DocumentQuery<T>;
  /** Leaves those that meet this, too. */
  readonly where: Where<T, Documents<T, R, K>>;
  /** The same as `where`. */
  readonly and: Where<T, Documents<T, R, K>>;
  /** Takes those that meet all that was said before, and those that meet this. */
  readonly or: Where<T, Documents<T, R, K>>;
  /** By the first, among equals by the next. What was said before is replaced. */
  orderBy(...fields: readonly Ordering<T>[]): Documents<T, R, K>;
  /** Begins behind a page. */
  after(cursor: Cursor): Documents<T, R, K>;
  /** A page of at most `limit` rows. */
  page(options?: SignalOptions): Promise<Page<Keyed<R, K>>>;
  /** All rows, fetched in pages: a long walk may see what is written meanwhile. */
  iterate(options?: IterateOptions): AsyncGenerator<Keyed<R, K>, void, void>;
  /** Only these members of the documents. */
  select<const Paths extends readonly PathOf<T>[]>(
    ...paths: Paths
  ): Documents<T, Selected<T, Named<Paths>>, K>;
  select<const Columns extends ColumnPaths<T>>(columns: Columns): Documents<T, Selected<T, Columns>, K>;
  /** The different combinations of some members, once each. */
  distinct<const Paths extends readonly PathOf<T>[]>(...paths: Paths): Rows<Selected<T, Named<Paths>>>;
  distinct<const Columns extends ColumnPaths<T>>(columns: Columns): Rows<Selected<T, Columns>>;
  /** One row for each different combination of some members. */
  groupBy<const Paths extends readonly PathOf<T>[]>(...paths: Paths): Groups<T, Selected<T, Named<Paths>>>;
  groupBy<const Columns extends ColumnPaths<T>>(columns: Columns): Groups<T, Selected<T, Columns>>;
  /** One row that tells of all documents. */
  aggregate<const A extends Aggregates<T>>(aggregates: A): Groups<T, Aggregated<T, A>>;
  /** Changes all of them, as one transaction. A map is merged into each. How many there were. */
  update(changes: readonly Change<T>[] | Patch<T>, options?: SignalOptions): Promise<number>;
  /** Deletes all of them, as one transaction. How many there were. */
  delete(options?: SignalOptions): Promise<number>;
}

/** A query whose rows are made of many documents. */
export interface Rows<R> extends Steps<Rows<R>, R> {
  /** The query as data. */
  readonly query: Query;
  /** By members of the rows. */
  orderBy(...members: readonly Ordering<R>[]): Rows<R>;
}

/** A query for groups of documents. */
export interface Groups<T, R> extends Steps<Groups<T, R>, R> {
  /** The query as data. */
  readonly query: GroupQuery<T>;
  /** By members of the rows. */
  orderBy(...members: readonly Ordering<R>[]): Groups<T, R>;
  /** Leaves the rows that meet this. */
  readonly having: Where<R, Groups<T, R>>;
  /** What else is told of each group. */
  aggregate<const A extends Aggregates<T>>(aggregates: A): Groups<T, R & Aggregated<T, A>>;
}

/** What runs queries: a database, or a transaction. */
export interface Runner {
  query(query: Query, options?: SignalOptions): Promise<unknown[]>;
  count(query: Query, options?: SignalOptions): Promise<number>;
  page(query: Query, options?: SignalOptions): Promise<Page<unknown>>;
  iterate(query: Query, options?: IterateOptions): AsyncGenerator<unknown, void, void>;
  explain(query: Query, options?: SignalOptions): Promise<Plan>;
  apply(operations: readonly never[], options?: SignalOptions): Promise<unknown[]>;
  live?(query: Query, options?: LiveOptions): Live<unknown>;
}

type Members = { readonly [member: string]: unknown };

/** One for all kinds of queries; the interfaces say which steps each has. */
class Builder {
  /** Whom it asks. */
  readonly runner: Runner;
  readonly query: Members;

  constructor(runner: Runner, query: Members) {
    this.runner = runner;
    this.query = query;
  }

  where(...parts: unknown[]): Builder {
    return this.#join('where', 'and', parts);
  }

  and(...parts: unknown[]): Builder {
    return this.#join('where', 'and', parts);
  }

  or(...parts: unknown[]): Builder {
    return this.#join('where', 'or', parts);
  }

  having(...parts: unknown[]): Builder {
    return this.#join('having', 'and', parts);
  }

  orderBy(...fields: unknown[]): Builder {
    return this.#with({
      sort: fields.map((field) =>
        typeof field === 'string' && field.startsWith('-')
          ? { field: field.slice(1), descending: true }
          : field,
      ),
    });
  }

  limit(limit: number): Builder {
    return this.#with({ limit });
  }

  offset(offset: number): Builder {
    return this.#with({ offset });
  }

  after(after: Cursor): Builder {
    return this.#with({ after });
  }

  select(...paths: unknown[]): Builder {
    return this.#with({ select: columns(paths) });
  }

  distinct(...paths: unknown[]): Builder {
    return this.#with({ select: columns(paths), distinct: true });
  }

  groupBy(...paths: unknown[]): Builder {
    return this.#with({ groupBy: columns(paths) });
  }

  aggregate(aggregates: Members): Builder {
    return this.#with({ aggregate: { ...(this.query.aggregate as Members | undefined), ...aggregates } });
  }

  run(options?: SignalOptions): Promise<unknown[]> {
    return this.runner.query(this.#query, options);
  }

  async first(options?: SignalOptions): Promise<unknown> {
    return (await this.limit(1).run(options))[0];
  }

  count(options?: SignalOptions): Promise<number> {
    return this.runner.count(this.#query, options);
  }

  page(options?: SignalOptions): Promise<Page<unknown>> {
    return this.runner.page(this.#query, options);
  }

  iterate(options?: IterateOptions): AsyncGenerator<unknown, void, void> {
    return this.runner.iterate(this.#query, options);
  }

  [Symbol.asyncIterator](): AsyncGenerator<unknown, void, void> {
    return this.iterate();
  }

  explain({ signal, ...options }: ExplainOptions = {}): Promise<Plan> {
    return this.runner.explain({ ...this.#query, ...options } as Query, { signal });
  }

  live(options?: LiveOptions): Live<unknown> {
    if (this.runner.live === undefined) {
      throw new CuError('invalid-argument', 'A transaction has no live queries; ask the database for one.');
    }
    return this.runner.live(this.#query, options);
  }

  update(changes: unknown, options?: SignalOptions): Promise<number> {
    const list = Array.isArray(changes) ? changes : [{ op: 'merge', value: changes }];
    return this.#change({ op: 'update', changes: list }, options);
  }

  delete(options?: SignalOptions): Promise<number> {
    return this.#change({ op: 'delete' }, options);
  }

  get #query(): Query {
    return this.query as unknown as Query;
  }

  #with(members: Members): Builder {
    return new Builder(this.runner, { ...this.query, ...members });
  }

  #join(member: 'where' | 'having', by: 'and' | 'or', parts: unknown[]): Builder {
    const [field, op, value] = parts;
    const condition = parts.length === 1 ? field : { field, op, value };
    const before = this.query[member] as Members | undefined;
    // One more of the same kind needs no condition around it.
    const joined = before?.[by] === undefined ? [before] : (before[by] as unknown[]);
    return this.#with({ [member]: before === undefined ? condition : { [by]: [...joined, condition] } });
  }

  /** The component refuses members that no change by query has, such as an offset. */
  async #change(operation: Members, options?: SignalOptions): Promise<number> {
    const operations = [{ where: null, ...this.query, ...operation }];
    const [count] = await this.runner.apply(operations as never[], options);
    return count as number;
  }
}

function columns(paths: unknown[]): unknown[] {
  const [first] = paths;
  if (typeof first !== 'object' || first === null || Array.isArray(first)) return paths;
  return Object.entries(first).map(([as, field]) => ({ field, as }));
}

/** Begins a query for the documents of a table. */
export function documents<T, K>(runner: Runner, table: string): Documents<T, T, K> {
  return new Builder(runner, { table }) as unknown as Documents<T, T, K>;
}
