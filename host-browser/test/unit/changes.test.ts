/** The change feed, on the component itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Database, type FeedChange, open } from '../../src/index.ts';

async function followed(): Promise<Database> {
  const db = await open('followed', { storage: 'memory' });
  await db.put('t', 'before', 1);
  await db.configureFeed();
  return db;
}

/** The next changes of a subscription, without their places. */
async function next(changes: AsyncIterator<FeedChange>, count: number): Promise<unknown[]> {
  const found: unknown[] = [];
  while (found.length < count) {
    const { value, done } = await changes.next();
    assert.ok(!done);
    const { cursor, sequence, ...change } = value;
    assert.ok(cursor instanceof Uint8Array && sequence > 0);
    found.push(change);
  }
  return found;
}

test('a_subscription_gives_each_change_once_from_the_moment_on_when_it_was_made', async () => {
  const db = await followed();
  const changes = db.subscribe();
  await db.put('t', 'a', { n: 1 });
  await db.eval('_home.t.a.n = 2  _home.u = { b = 5 }');
  await db.delete('t', 'before');
  assert.deepEqual(await next(changes, 4), [
    { table: 't', key: 'a', after: { n: 1 } },
    { table: 't', key: 'a', before: { n: 1 }, after: { n: 2 } },
    { table: 'u', key: 'b', after: 5 },
    { table: 't', key: 'before', before: 1 },
  ]);
  const waiting = next(changes, 2);
  await db.dropTable('u');
  await db.put('t', 'c', 1);
  assert.deepEqual(await waiting, [
    { table: 'u', dropped: true },
    { table: 't', key: 'c', after: 1 },
  ]);
});

test('a_subscription_goes_on_from_a_change_or_a_commit', async () => {
  const db = await followed();
  const first = db.subscribe();
  for (let key = 0; key < 10; key++) await db.put('t', key, key);
  let third: FeedChange | undefined;
  for await (const change of first) {
    third = change;
    if (change.key === 2) break;
  }
  const rest = Array.from({ length: 7 }, (_, at) => ({ table: 't', key: at + 3, after: at + 3 }));
  assert.deepEqual(await next(db.subscribe({ after: third!.cursor }), 7), rest);
  assert.deepEqual(await next(db.subscribe({ after: third!.sequence, limit: 2 }), 7), rest);
  const page = await db.changes({ after: third!.sequence, limit: 4 });
  assert.deepEqual([page.changes.length, page.more], [4, true]);
  assert.equal((await db.changes({ after: page.next })).changes.length, 3);
});

test('only_changes_that_are_asked_for_come', async () => {
  const db = await followed();
  const changes = db.subscribe<{ n: number }>({ tables: ['t'], where: { field: 'n', op: '>', value: 1 } });
  await db.put('u', 1, { n: 5 });
  await db.put('t', 1, { n: 1 });
  await db.put('t', 1, { n: 2 });
  await db.put('t', 1, { n: 0 });
  assert.deepEqual(await next(changes, 2), [
    { table: 't', key: 1, before: { n: 1 }, after: { n: 2 } },
    { table: 't', key: 1, before: { n: 2 }, after: { n: 0 } },
  ]);
});

test('the_changes_of_a_transaction_come_as_those_of_one_commit', async () => {
  const db = await followed();
  const changes = db.subscribe();
  await db.transaction(async (tx) => {
    await tx.put('t', 'b', 1);
    const savepoint = await tx.savepoint();
    await tx.put('t', 'undone', 1);
    await tx.rollbackTo(savepoint);
    await tx.put('t', 'a', 1);
    await tx.put('t', 'b', 2);
  });
  await db.put('t', 'c', 1);
  assert.deepEqual(await next(changes, 3), [
    { table: 't', key: 'a', after: 1 },
    { table: 't', key: 'b', after: 2 },
    { table: 't', key: 'c', after: 1 },
  ]);
  // A transaction whose commit would have a number that others have taken since runs again.
  let begun = 0;
  await db.transaction(async (tx) => {
    await tx.put('t', 'd', ++begun);
    if (begun === 1) await db.put('other', 1, 1);
  });
  assert.equal(begun, 2);
  assert.deepEqual(await next(changes, 2), [
    { table: 'other', key: 1, after: 1 },
    { table: 't', key: 'd', after: 2 },
  ]);
});

test('a_feed_that_is_off_or_has_not_all_that_is_asked_for_is_out_of_date', async () => {
  const db = await open('off', { storage: 'memory' });
  await db.put('t', 1, 1);
  await assert.rejects(db.feed(), { code: 'out-of-date' });
  await assert.rejects(db.subscribe().next(), { code: 'out-of-date' });
  await db.configureFeed({ tables: ['t'], changes: 1000 });
  const { settings, newest, oldest, next } = await db.feed();
  assert.deepEqual([settings.tables, settings.changes, newest], [['t'], 1000, 2]);
  assert.ok(oldest <= newest);
  await assert.rejects(db.changes({ after: 0 }), { code: 'out-of-date' });
  await assert.rejects(db.changes({ after: next, tables: ['u'] }), { code: 'out-of-date' });
  const waiting = db.subscribe();
  const change = waiting.next();
  await db.dropFeed();
  await assert.rejects(change, { code: 'out-of-date' });
});

test('a_subscription_that_waits_can_be_ended', async () => {
  const db = await followed();
  const controller = new AbortController();
  const changes = db.subscribe({ signal: controller.signal });
  const waiting = changes.next();
  await db.feed();
  controller.abort();
  assert.deepEqual(await waiting, { value: undefined, done: true });
  const left = db.subscribe();
  const pending = left.next();
  await left.return?.();
  assert.deepEqual(await pending, { value: undefined, done: true });
});
