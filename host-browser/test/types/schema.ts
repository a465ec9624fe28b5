/**
 * What TypeScript accepts and refuses of a database with a schema, as `queries.ts` without one. Nothing here runs: `npm run check` compiles
 * it, and each `@ts-expect-error` fails where there is no error.
 */
import {
  type Database,
  type Decoded,
  type Documents,
  type FeedChange,
  type Key,
  type Live,
  open,
  type Page,
  type Row,
  type Table,
  type Transaction,
  type Value,
} from '../../src/index.ts';

interface User {
  name: string;
  age: number;
  email?: string;
  role: 'admin' | 'reader';
  tags: string[];
  address: { city: string; zip: string | null };
}

interface Order {
  user: string;
  total: number;
  lines: { product: string; count: number }[];
}

interface Shop {
  users: Table<User, string>;
  orders: Table<Order, number>;
  visits: { page: string; at: number };
  tools: unknown;
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only if the value's type is exactly the one that is named. */
function is<Wanted>() {
  return <Given>(_value: Given, _same: Same<Wanted, Given>) => {};
}

declare const order: Order;
declare const ada: User;

export async function opened(): Promise<void> {
  is<Database<Shop>>()(await open<Shop>('shop'), true);
  is<Database>()(await open('shop'), true);
  await using db = await open<Shop>('shop', { storage: 'memory' });
  is<User | undefined>()(await db.get('users', 'ada'), true);
}

export async function documents(db: Database<Shop>): Promise<void> {
  is<User | undefined>()(await db.get('users', 'ada'), true);
  is<Order | undefined>()(await db.get('orders', 1), true);
  is<{ page: string; at: number } | undefined>()(await db.get('visits', 'any key'), true);
  is<Decoded | undefined>()(await db.get('tools', 1), true);
  is<(Order | undefined)[]>()(await db.getMany('orders', [1, 2]), true);
  await db.put('users', 'ada', ada);
  await db.put('users', 'ada', {
    name: 'Ada',
    age: 36,
    role: 'admin',
    tags: [],
    address: { city: 'London', zip: null },
  });
  await db.put('tools', 1, { anything: [1] });
  await db.delete('orders', 1);
  for await (const [key, { total }] of db.scan('orders', { start: 1, end: 5 })) {
    is<number>()(key, true);
    is<number>()(total, true);
  }
  // What a call names goes before the schema.
  is<Row | undefined>()(await db.get<Row>('users', 'ada'), true);

  // @ts-expect-error there is no such table
  await db.get('user', 'ada');
  // @ts-expect-error keys of users are texts
  await db.get('users', 1);
  // @ts-expect-error keys of orders are numbers
  await db.getMany('orders', ['a']);
  // @ts-expect-error keys of orders are numbers
  await db.delete('orders', 'a');
  // @ts-expect-error keys of orders are numbers
  db.scan('orders', { start: 'a' });
  // @ts-expect-error that is no user
  await db.put('users', 'ada', { name: 'Ada' });
  // @ts-expect-error a user has no such member
  await db.put('users', 'ada', { ...ada, nmae: 'Ada' });
  // @ts-expect-error there is no such role
  await db.put('users', 'ada', { ...ada, role: 'owner' });
  // @ts-expect-error an order is no user
  await db.put('users', 'ada', order);
  // @ts-expect-error dates can't be stored, wherever the table may hold anything
  await db.put('tools', 1, { since: new Date() });

  interface Logs {
    entries: { at: Date };
  }
  const logs = await open<Logs>('logs');
  // @ts-expect-error nor where a schema says so
  await logs.put('entries', 1, { at: new Date() });
}

export async function builder(db: Database<Shop>): Promise<void> {
  const users = db.table('users');
  is<Documents<User, User, string>>()(users, true);
  is<[key: string, document: User][]>()(await users.where('age', '>=', 18).orderBy('-age').run(), true);
  is<[key: number, document: Order] | undefined>()(await db.table('orders').first(), true);
  for await (const [key, { name }] of users) {
    is<string>()(key, true);
    is<string>()(name, true);
  }
  is<[key: string, document: { name: string; email?: string }][]>()(
    await users.select('name', 'email').run(),
    true,
  );
  is<{ city: string }[]>()(await users.distinct({ city: 'address.city' }).run(), true);
  is<{ 'address.zip'?: string }[]>()(await users.distinct('address.zip').run(), true);
  await users.update({ role: 'reader' });
  await db
    .table('orders')
    .where('lines', 'any', { field: 'product', op: 'startsWith', value: 'p' })
    .update([{ op: 'increment', field: 'total', value: 1 }]);
  db.table('tools').where('any.path', '=', 1);

  // @ts-expect-error there is no such table
  db.table('user');
  // @ts-expect-error an order has no such field
  db.table('orders').where('age', '=', 1);
  // @ts-expect-error there is no such role
  users.where('role', '=', 'owner');
  // @ts-expect-error there is no such role in the list
  users.where('role', 'in', ['admin', 'owner']);
  // @ts-expect-error lines have no such member
  db.table('orders').where('lines', 'any', { field: 'price', op: '=', value: 1 });
  // @ts-expect-error there is no such role
  await users.update({ role: 'owner' });
}

export async function queries(db: Database<Shop>): Promise<void> {
  is<[key: string, document: User][]>()(
    await db.query({
      table: 'users',
      where: {
        and: [
          { field: 'address.city', op: '=', value: 'Wien' },
          { not: { field: 'age', op: '<', value: 18 } },
        ],
      },
      sort: [{ field: 'age', descending: true }, 'name'],
      limit: 10,
    }),
    true,
  );
  is<[key: string, document: { name: string; email?: string; city: string }][]>()(
    await db.query({ table: 'users', select: ['name', 'email', { field: 'address.city', as: 'city' }] }),
    true,
  );
  is<{ role: 'admin' | 'reader' }[]>()(
    await db.query({ table: 'users', select: ['role'], distinct: true }),
    true,
  );
  is<{ user: string; orders: number; largest?: number }[]>()(
    await db.query({
      table: 'orders',
      groupBy: ['user'],
      aggregate: { orders: { op: 'count' }, largest: { op: 'max', field: 'total' } },
    }),
    true,
  );
  is<{ all: number | bigint }[]>()(
    await db.query({ table: 'orders', aggregate: { all: { op: 'sum', field: 'total' } } }),
    true,
  );
  is<{ user: string }[]>()(await db.query({ table: 'orders', groupBy: ['user'] }), true);
  is<Page<[key: number, document: { total: number }]>>()(
    await db.page({ table: 'orders', select: ['total'] }),
    true,
  );
  // Columns that are not written out are any.
  const columns: readonly ('name' | 'age')[] = ['name'];
  is<[key: string, document: Row][]>()(await db.query({ table: 'users', select: columns }), true);
  is<[key: Key, document: Decoded][]>()(await db.query({ table: 'tools', sort: ['any.path'] }), true);
  is<number>()(await db.count({ table: 'visits', where: { field: 'at', op: '>', value: 1 } }), true);
  await db.explain({ table: 'visits', where: { field: 'page', op: 'startsWith', value: '/' } });
  for await (const [key, { name }] of db.iterate({ table: 'users', sort: ['name'] }, { pageSize: 10 })) {
    is<string>()(key, true);
    is<string>()(name, true);
  }
  is<Live<[key: string, document: User]>>()(db.live({ table: 'users' }), true);
  is<Live<{ user: string; n: number }>>()(
    db.live({ table: 'orders', groupBy: ['user'], aggregate: { n: { op: 'count' } } }),
    true,
  );
  await db.createIndex('users', 'address.city');
  await db.createIndex('users', { fields: ['role', { field: 'tags', multiEntry: true }] });
  await db.createIndex('orders', { function: { table: 'tools', name: 'year' } });
  await db.dropIndex('users', 'role');

  // @ts-expect-error there is no such table
  await db.query({ table: 'user' });
  // @ts-expect-error the field is one of another table
  await db.query({ table: 'orders', where: { field: 'age', op: '=', value: 1 } });
  // @ts-expect-error a total is a number
  await db.query({ table: 'orders', where: { field: 'total', op: '=', value: '1' } });
  // @ts-expect-error a number has no beginning
  await db.count({ table: 'visits', where: { field: 'at', op: 'startsWith', value: '1' } });
  // @ts-expect-error there is no such field to sort by
  await db.query({ table: 'orders', sort: ['age'] });
  // @ts-expect-error there is no such field to select
  await db.query({ table: 'orders', select: ['age'] });
  // @ts-expect-error there is no such field to group by
  await db.query({ table: 'orders', groupBy: ['age'] });
  // @ts-expect-error there is no such field to sum up
  await db.query({ table: 'orders', aggregate: { n: { op: 'sum', field: 'age' } } });
  // @ts-expect-error there is no such member
  await db.query({ table: 'orders', order: ['total'] });
  // @ts-expect-error there is no such field
  await db.createIndex('orders', 'age');
  // @ts-expect-error there is no such table
  await db.dropTable('user');
}

export async function batches(db: Database<Shop>): Promise<void> {
  const results = await db.apply([
    { op: 'put', table: 'users', key: 'ada', value: ada },
    { op: 'get', table: 'orders', key: 1 },
    { op: 'get', table: 'tools', key: 1 },
    { op: 'update', table: 'orders', key: 1, changes: [{ op: 'increment', field: 'total', value: 1 }] },
    { op: 'delete', table: 'users', where: { field: 'age', op: '>', value: 1 } },
    { op: 'query', query: { table: 'users', select: ['name'] } },
    { op: 'call', table: 'tools', name: 'next' },
  ]);
  is<[null, Order | null, Decoded, boolean, number, [key: string, document: { name: string }][], Decoded]>()(
    results,
    true,
  );

  // @ts-expect-error there is no such table
  await db.apply([{ op: 'get', table: 'user', key: 'ada' }]);
  // @ts-expect-error keys of users are texts
  await db.apply([{ op: 'get', table: 'users', key: 1 }]);
  // @ts-expect-error an order is no user
  await db.apply([{ op: 'put', table: 'users', key: 'ada', value: order }]);
  // @ts-expect-error the field is one of another table
  await db.apply([{ op: 'delete', table: 'orders', where: { field: 'age', op: '=', value: 1 } }]);
  // @ts-expect-error a name can't grow
  await db.apply([
    { op: 'update', table: 'users', key: 'a', changes: [{ op: 'increment', field: 'name', value: 1 }] },
  ]);
}

export async function transactions(db: Database<Shop>): Promise<void> {
  is<number>()(
    await db.transaction(async (tx) => {
      is<Transaction<Shop>>()(tx, true);
      const found = await tx.get('orders', 1);
      return found?.total ?? 0;
    }),
    true,
  );
  is<User | undefined>()(await db.with({ durability: 'strict' }).get('users', 'ada'), true);
  await db.transaction(async (tx) => {
    // @ts-expect-error there is no such table
    await tx.get('user', 'ada');
  });
}

export async function changes(db: Database<Shop>): Promise<void> {
  await db.configureFeed({ tables: ['orders', 'users'] });
  for await (const change of db.subscribe({ tables: ['orders', 'users'] })) {
    is<FeedChange<Order, 'orders', number> | FeedChange<User, 'users', string>>()(change, true);
    if (change.table === 'orders') is<Order | undefined>()(change.after, true);
    else is<string | undefined>()(change.key, true);
  }
  db.subscribe({ tables: ['orders'], where: { field: 'total', op: '>', value: 100 } });
  const page = await db.changes({ after: 1, tables: ['users'] });
  is<User | undefined>()(page.changes[0]?.before, true);

  // @ts-expect-error there is no such table
  await db.configureFeed({ tables: ['order'] });
  // @ts-expect-error there is no such table
  db.subscribe({ tables: ['order'] });
  // @ts-expect-error the field is one of another table
  db.subscribe({ tables: ['orders'], where: { field: 'age', op: '>', value: 1 } });
}

/** Code that knows no schema takes any database. */
export async function anyDatabase(db: Database<Shop>): Promise<void> {
  const takes = async (any: Database): Promise<Value> => (await any.tables()).length;
  await takes(db);
}
