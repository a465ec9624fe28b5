/**
 * What TypeScript accepts and refuses, and what it takes results for. Nothing here runs: `npm run check` compiles
 * it, and each `@ts-expect-error` fails where there is no error.
 */
import type { Condition, CuError, Database, Decoded, Key, Row, Value } from '../../src/index.ts';

interface User {
  name: string;
  age: number;
  email?: string;
  admin: boolean;
  tags: string[];
  address: { city: string; position: { latitude: number } };
  visits: { at: number; page: string }[];
  picture: Uint8Array;
  boss?: User;
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only if the value's type is exactly the one that is named. */
function is<Wanted>() {
  return <Given>(_value: Given, _same: Same<Wanted, Given>) => {};
}

export async function conditions(db: Database): Promise<void> {
  const users = db.table<User>('users');
  users.where('name', '=', 'Ada').and('age', '>=', 18).or('address.city', 'in', ['Wien', null]);
  users.where('address.position.latitude', 'between', [40, 50]);
  users.where('age', 'between', { lower: 18, upper: 65n, upperOpen: true });
  users.where('tags', 'contains', 'math').where('name', 'contains', 'd');
  users.where('visits', 'any', { field: 'page', op: 'startsWith', value: '/docs' });
  users.where('visits', 'all', { and: [{ field: 'at', op: '>', value: 1 }, { not: { or: [] } }] });
  users.where(['tags', 1], '=', 'math').where(['address', 'city'], 'endsWith', 'n');
  users.where('boss.boss.name', '=', 'Grace').where('email', 'exists', false);
  users.where('name', 'type', ['text', 'null']).where('name', 'matches', '^A');
  users.where({ or: [{ field: 'admin', op: '=', value: true }, { lua: { table: 'rules', name: 'isOld' } }] });
  users.where({ field: ['tags', 1], op: '=', value: 'math' });

  // @ts-expect-error there is no such field
  users.where('nmae', '=', 'Ada');
  // @ts-expect-error there is no such field inside
  users.where('address.town', '=', 'Wien');
  // @ts-expect-error a name is a text
  users.where('name', '=', 1);
  // @ts-expect-error a number has no beginning
  users.where('age', 'startsWith', '1');
  // @ts-expect-error a number is no list
  users.where('age', 'any', { field: [], op: '=', value: 1 });
  // @ts-expect-error there is no such operator
  users.where('age', '~', 1);
  // @ts-expect-error maps have no order that anyone asks for
  users.where('address', '<', { city: 'Wien', position: { latitude: 48 } });
  // @ts-expect-error nor have they ranges
  users.where('address', 'between', { lower: { city: 'Wien', position: { latitude: 48 } } });
  // @ts-expect-error an element of the list has the type of the field
  users.where('age', 'in', [1, '2']);
  // @ts-expect-error a number is neither text nor list
  users.where('age', 'contains', 1);
  // @ts-expect-error a list has no beginning
  users.where('tags', 'startsWith', 'm');
  // @ts-expect-error `in` takes an array
  users.where('age', 'in', 1);
  // @ts-expect-error the tags are texts
  users.where('tags', 'contains', 5);
  // @ts-expect-error the first tag is a text
  users.where(['tags', 1], '=', 5);
  // @ts-expect-error visits have no such member
  users.where('visits', 'any', { field: 'when', op: '=', value: 1 });
  // @ts-expect-error ranges have two ends
  users.where('age', 'between', [1]);
  // @ts-expect-error there is no such type
  users.where('age', 'type', 'string');
  // @ts-expect-error conditions as data are checked, too
  users.where({ field: 'age', op: '=', value: 'x' });
  // @ts-expect-error and so are those inside of others
  users.where({ and: [{ not: { field: 'agee', op: '=', value: 1 } }] });

  const condition: Condition<User> = { field: 'age', op: '<', value: 3 };
  users.where(condition);

  // Without a type, everything that may be right is taken.
  const anything = db.table('things');
  anything
    .where('a.b', '=', { c: [1] })
    .where(['x', 1], 'startsWith', 'y')
    .orderBy('-z');
  const data: Condition = { field: 'a', op: 'any', value: { field: [], op: '=', value: 1 } };
  anything.where(data);
  // @ts-expect-error operators are always known
  anything.where('a', 'like', 'b');
}

export async function rows(db: Database): Promise<void> {
  const users = db.table<User>('users');
  is<[key: Key, document: User][]>()(await users.orderBy('-age', 'name').limit(1).run(), true);
  is<[key: Key, document: User] | undefined>()(await users.first(), true);
  is<number>()(await users.count(), true);
  for await (const [key, user] of users) {
    is<Key>()(key, true);
    is<User>()(user, true);
  }
  const [named] = await users.select('name', 'address.city').run();
  is<string | undefined>()(named?.[1].name, true);
  is<string | undefined>()(named?.[1]['address.city'], true);
  // @ts-expect-error it was not asked for
  named?.[1].age;
  // What is always there is there in the row, too; what may be absent on the way to it is not.
  is<{ name: string; email?: string; 'boss.name'?: string }>()(
    (await users.select('name', 'email', 'boss.name').run())[0]![1],
    true,
  );
  const [first] = await users.select({ city: 'address.city', tag: ['tags', 1] }).run();
  is<string | undefined>()(first?.[1].city, true);
  is<string | undefined>()(first?.[1].tag, true);

  const [group] = await users
    .groupBy('address.city', 'admin')
    .aggregate({
      people: { op: 'count' },
      total: { op: 'sum', field: 'age' },
      mean: { op: 'avg', field: 'age' },
      last: { op: 'max', field: 'name' },
    })
    .having('people', '>', 1)
    .orderBy('-people')
    .run();
  is<string>()(group!['address.city'], true);
  is<boolean>()(group!.admin, true);
  is<number>()(group!.people, true);
  is<number | bigint>()(group!.total, true);
  is<number | undefined>()(group!.mean, true);
  is<string | undefined>()(group!.last, true);
  const [different] = await users.distinct('admin').run();
  is<boolean>()(different!.admin, true);

  // @ts-expect-error there is no such field
  users.orderBy('-agee');
  // @ts-expect-error there is no such field
  users.select('agee');
  // @ts-expect-error there is no such member of the rows
  users.groupBy('admin').orderBy('age');
  // @ts-expect-error groups can't be deleted
  users.groupBy('admin').delete();
  // @ts-expect-error rows that are made of many documents have no pages
  users.distinct('admin').page();
  // @ts-expect-error a sum needs a field
  users.aggregate({ total: { op: 'sum' } });
}

export async function queries(db: Database): Promise<void> {
  is<[key: Key, document: Decoded][]>()(await db.query({ table: 't', limit: 1 }), true);
  is<[key: Key, document: User][]>()(await db.query<User>({ table: 'users', sort: ['age'] }), true);
  is<[key: Key, document: Row][]>()(await db.query({ table: 't', select: ['a'] }), true);
  is<Row[]>()(await db.query({ table: 't', select: ['a'], distinct: true }), true);
  is<Row[]>()(await db.query<User>({ table: 't', aggregate: { n: { op: 'count' } } }), true);
  const page = await db.page<User>({ table: 'users', where: { field: 'age', op: '>', value: 1 } });
  is<User | undefined>()(page.rows[0]?.[1], true);
  const plan = await db.table<User>('users').explain({ analyze: true, text: true });
  is<number | undefined>()(plan.time?.sort, true);
  is<boolean | undefined>()(plan.cached, true);
  is<string | undefined>()(plan.text, true);
  await db.page<User>({ table: 'users', ...(page.next && { after: page.next }) });
  is<User | undefined>()(await db.get<User>('users', 'ada'), true);
  await db.createIndex<User>('users', { fields: ['address.city', { field: 'tags', multiEntry: true }] });
  await db.createIndex('users', { function: { table: 'tools', name: 'decade' } });
  await db.createIndex<User>('users', 'age');

  // @ts-expect-error there is no such field
  await db.query<User>({ table: 'users', where: { field: 'agee', op: '=', value: 1 } });
  // @ts-expect-error there is no such field
  await db.query<User>({ table: 'users', sort: ['agee'] });
  // @ts-expect-error groups have no pages
  await db.query({ table: 't', groupBy: ['a'], after: new Uint8Array() });
  // @ts-expect-error there is no such member
  await db.query({ table: 't', order: ['a'] });
  // @ts-expect-error there is no such field
  await db.createIndex<User>('users', ['agee']);
  // @ts-expect-error hash indexes have no order
  await db.createIndex('t', { kind: 'hash', fields: [{ field: 'a', descending: true }] });
}

export async function writes(db: Database, user: User): Promise<void> {
  await db.put('users', 'ada', user);
  await db.put('users', 'ada', null as Value);
  // @ts-expect-error dates can't be stored
  await db.put('users', 'ada', { born: new Date() });
  // @ts-expect-error functions can't be stored
  await db.put('users', 'ada', { greet: () => 1 });

  const users = db.table<User>('users');
  is<number>()(await users.where('age', '>', 1).update({ admin: true, email: null }), true);
  await users.update({ address: { city: 'Wien' }, tags: ['a'] });
  await users.update([
    { op: 'set', field: 'name', value: 'Ada' },
    { op: 'increment', field: 'age', value: 1 },
    { op: 'push', field: 'tags', value: 'x' },
    { op: 'unset', field: 'email' },
    { op: 'set', field: ['tags', 1], value: 'y' },
    { op: 'merge', value: { age: 3 } },
  ]);
  // @ts-expect-error an age is a number
  await users.update({ age: '3' });
  // @ts-expect-error a name can't grow
  await users.update([{ op: 'increment', field: 'name', value: 1 }]);
  // @ts-expect-error tags are texts
  await users.update([{ op: 'push', field: 'tags', value: 1 }]);
  // @ts-expect-error there is no such field
  await users.update([{ op: 'unset', field: 'mail' }]);

  const results = await db.apply([
    { op: 'put', table: 'users', key: 1, value: user },
    { op: 'get', table: 'users', key: 1 },
    { op: 'update', table: 'users', key: 1, changes: [], if: 'exists' },
    { op: 'delete', table: 'users', where: null },
    { op: 'query', query: { table: 'users' } },
    { op: 'query', query: { table: 'users', groupBy: ['a'] } },
    { op: 'call', table: 'tools', name: 'next', arguments: [1] },
  ]);
  is<[null, Decoded, boolean, number, [key: Key, document: Decoded][], Row[], Decoded]>()(results, true);
  const [outcome] = await db.apply([{ op: 'delete', table: 't', key: 1 }], { mode: 'best-effort' });
  if (outcome.error === undefined) is<boolean>()(outcome.result, true);
  else is<CuError>()(outcome.error, true);
  // @ts-expect-error either the one document or those that are found
  await db.apply([{ op: 'delete', table: 't', key: 1, where: null }]);
  // @ts-expect-error there is no such operation
  await db.apply([{ op: 'upsert', table: 't', key: 1, value: 1 }]);
  // @ts-expect-error a condition's operator is known here, too
  await db.apply([{ op: 'put', table: 't', key: 1, value: 1, if: { field: 'a', op: 'like', value: 1 } }]);
}

export async function transactions(db: Database): Promise<void> {
  is<number>()(await db.transaction((tx) => tx.table<User>('users').where('age', '>', 1).count()), true);
  const tx = await db.begin({ durability: 'strict' });
  is<User | undefined>()(await tx.get<User>('users', 'ada'), true);
  await tx.rollbackTo(await tx.savepoint());
  // @ts-expect-error a savepoint is what `savepoint` gives
  await tx.rollbackTo(1);
  // @ts-expect-error there is no such durability
  await db.begin({ durability: 'eventual' });
  await db.with({ durability: 'strict' }).put('users', 'ada', { age: 1 });
}

export async function changes(db: Database): Promise<void> {
  for await (const rows of db.table<User>('users').select('age').live()) {
    is<number | undefined>()(rows[0]?.[1].age, true);
  }
  db.live<User>({ table: 'users' }).onChange((rows) => is<User | undefined>()(rows[0]?.[1], true));
  for await (const change of db.subscribe<User>({ tables: ['users'] })) {
    is<User | undefined>()(change.before, true);
    await db.changes({ after: change.cursor, where: { field: 'a', op: '=', value: 1 } });
  }
  // @ts-expect-error there is no such field
  db.subscribe<User>({ where: { field: 'agee', op: '=', value: 1 } });
  // @ts-expect-error a page begins somewhere
  await db.changes({});
}
