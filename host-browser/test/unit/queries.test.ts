/** Queries and batches through the typed API, on the component itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CuError, type Database, type Operation, open } from '../../src/index.ts';

interface User {
  name: string;
  age: number;
  city?: string;
  tags: string[];
}

const USERS: Readonly<Record<string, User>> = {
  ada: { name: 'Ada', age: 36, city: 'London', tags: ['math', 'poetry'] },
  alan: { name: 'Alan', age: 41, city: 'London', tags: ['math'] },
  grace: { name: 'Grace', age: 85, city: 'Arlington', tags: ['navy'] },
  konrad: { name: 'Konrad', age: 85, tags: [] },
};

async function people(): Promise<Database> {
  const db = await open('people', { storage: 'memory' });
  const all: Operation[] = Object.entries(USERS).map(([key, value]) => ({
    op: 'put',
    table: 'users',
    key,
    value,
  }));
  await db.apply(all);
  return db;
}

const keys = (rows: readonly (readonly [unknown, unknown])[]) => rows.map(([key]) => key);

test('conditions_are_joined_in_the_order_in_which_they_are_said', async () => {
  const users = (await people()).table<User>('users');
  const london = users.where('city', '=', 'London');
  assert.deepEqual(keys(await london.run()), ['ada', 'alan']);
  assert.deepEqual(keys(await london.and('age', '>', 40).run()), ['alan']);
  assert.deepEqual(keys(await london.and('age', '>', 40).or('name', 'startsWith', 'G').run()), [
    'alan',
    'grace',
  ]);
  const either = london.or('city', '=', null).or({ field: 'tags', op: 'contains', value: 'navy' });
  assert.deepEqual(keys(await either.where('age', '=', 85).run()), ['grace', 'konrad']);
  assert.equal(
    JSON.stringify(either.where('age', '=', 85).query.where),
    '{"and":[{"or":[{"field":"city","op":"=","value":"London"},{"field":"city","op":"=","value":null},' +
      '{"field":"tags","op":"contains","value":"navy"}]},{"field":"age","op":"=","value":85}]}',
  );
});

test('a_step_leaves_the_query_that_it_was_taken_from_as_it_was', async () => {
  const users = (await people()).table<User>('users');
  const old = users.where('age', '>', 80);
  old.orderBy('-name').limit(1).offset(1);
  old.select('name').where('city', '=', 'nowhere');
  assert.deepEqual(old.query, { table: 'users', where: { field: 'age', op: '>', value: 80 } });
  assert.equal(await old.count(), 2);
});

test('rows_come_in_the_order_that_was_asked_for', async () => {
  const users = (await people()).table<User>('users');
  assert.deepEqual(keys(await users.orderBy('-age', 'name').run()), ['grace', 'konrad', 'alan', 'ada']);
  assert.deepEqual(keys(await users.orderBy({ field: 'age' }, '-name').limit(2).offset(1).run()), [
    'alan',
    'konrad',
  ]);
  assert.deepEqual(await users.orderBy(['age']).first(), ['ada', USERS.ada]);
  assert.equal(await users.where('age', '>', 100).first(), undefined);
});

test('selected_members_are_named_by_their_path_or_as_asked_for', async () => {
  const users = (await people()).table<User>('users');
  assert.deepEqual(await users.where('age', '=', 36).select('name', 'city').run(), [
    ['ada', { name: 'Ada', city: 'London' }],
  ]);
  assert.deepEqual(
    await users
      .where('age', '=', 85)
      .select({ who: 'name', first: ['tags', 1] })
      .run(),
    [
      ['grace', { who: 'Grace', first: 'navy' }],
      ['konrad', { who: 'Konrad' }],
    ],
  );
});

test('groups_are_counted_added_up_filtered_and_sorted', async () => {
  const users = (await people()).table<User>('users');
  assert.deepEqual(
    await users
      .groupBy('city')
      .aggregate({ people: { op: 'count' }, years: { op: 'sum', field: 'age' } })
      .aggregate({ mean: { op: 'avg', field: 'age' }, last: { op: 'max', field: 'name' } })
      .having('people', '>=', 1)
      .orderBy('-people', 'last')
      .limit(2)
      .run(),
    [
      { city: 'London', people: 2, years: 77, mean: 38.5, last: 'Alan' },
      { city: 'Arlington', people: 1, years: 85, mean: 85, last: 'Grace' },
    ],
  );
  assert.deepEqual(
    await users
      .where('age', '>', 100)
      .aggregate({ n: { op: 'count' } })
      .run(),
    [{ n: 0 }],
  );
  assert.deepEqual(await users.distinct({ years: 'age' }).orderBy('-years').run(), [
    { years: 85 },
    { years: 41 },
    { years: 36 },
  ]);
  const collected: unknown[] = [];
  for await (const row of users.groupBy('age').aggregate({ n: { op: 'count' } })) collected.push(row);
  assert.deepEqual(collected, [
    { age: 36, n: 1 },
    { age: 41, n: 1 },
    { age: 85, n: 2 },
  ]);
});

test('pages_follow_one_another_and_a_walk_takes_all_of_them', async () => {
  const db = await people();
  const users = db.table<User>('users').orderBy('-age', 'name');
  const first = await users.limit(3).page();
  assert.deepEqual(keys(first.rows), ['grace', 'konrad', 'alan']);
  await db.delete('users', 'alan');
  const second = await users.limit(3).after(first.next!).page();
  assert.deepEqual([keys(second.rows), second.next], [['ada'], undefined]);

  await db.apply(
    Array.from({ length: 50 }, (_, n): Operation => ({ op: 'put', table: 't', key: n, value: { n } })),
  );
  const walk = async (limit: number | undefined, pageSize: number, offset = 0) => {
    const found: unknown[] = [];
    const query = { table: 't', sort: ['n'], offset, ...(limit !== undefined && { limit }) };
    for await (const [key] of db.iterate(query, { pageSize })) found.push(key);
    return found;
  };
  const all = Array.from({ length: 50 }, (_, n) => n);
  assert.deepEqual(await walk(undefined, 7), all);
  assert.deepEqual(await walk(20, 7, 5), all.slice(5, 25));
  assert.deepEqual(await walk(0, 7), []);
  await assert.rejects(walk(1, 0), { code: 'invalid-argument', place: 'pageSize' });
});

test('documents_that_are_found_are_changed_and_deleted_together', async () => {
  const db = await people();
  const users = db.table<User>('users');
  assert.equal(await users.where('city', '=', 'London').update({ city: 'Paris', age: 1 }), 2);
  assert.equal(
    await users
      .orderBy('-age')
      .limit(1)
      .update([{ op: 'push', field: 'tags', value: 'x' }]),
    1,
  );
  assert.deepEqual(await db.getMany<User>('users', ['ada', 'grace']), [
    { ...USERS.ada, city: 'Paris', age: 1 },
    { ...USERS.grace, tags: ['navy', 'x'] },
  ]);
  assert.equal(await users.where('age', '=', 1).delete(), 2);
  // What a change by query does not know must not be left out silently.
  await assert.rejects(users.offset(1).delete(), { code: 'invalid-argument', place: '[0].offset' });
  await assert.rejects(users.select('name').update({ age: 1 }), { place: '[0].select' });
  assert.equal(await users.delete(), 2);
});

test('a_plan_tells_what_the_query_met_if_it_was_run', async () => {
  const db = await people();
  await db.createIndex<User>('users', ['age']);
  const query = db.table<User>('users').where('age', '=', 85);
  assert.equal((await query.explain()).index, 'age');
  assert.equal((await query.explain()).analysis, undefined);
  assert.deepEqual((await query.explain({ analyze: true })).analysis, { entries: 2, documents: 2, rows: 2 });
});

test('operations_that_stand_for_themselves_have_errors_of_their_own', async () => {
  const db = await people();
  const outcomes = await db.apply(
    [
      { op: 'insert', table: 'users', key: 'ada', value: { name: 'Another' } },
      { op: 'update', table: 'users', key: 'ada', changes: [{ op: 'increment', field: 'age', value: 1 }] },
      { op: 'delete', table: 'users', key: 'nobody', if: 'exists' },
      { op: 'query', query: { table: 'users', select: ['age'], limit: 1 } },
    ],
    { mode: 'best-effort' },
  );
  assert.deepEqual(
    outcomes.map(({ error, result }) => error?.code ?? result),
    ['already-exists', true, 'precondition-failed', [['ada', { age: 37 }]]],
  );
  assert.ok(outcomes[0].error instanceof CuError);
  const results = await db.apply([{ op: 'get', table: 'users', key: 'nobody' }], { mode: 'atomic' });
  assert.deepEqual(results, [null]);
  const unknown = { mode: 'sometimes' as 'atomic' };
  await assert.rejects(db.apply([], unknown), { code: 'invalid-argument' });
});
