import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Database, open } from '../../src/index.ts';

interface Task {
  title: string;
  done: boolean;
}

async function tasks(): Promise<Database> {
  const db = await open('tasks', { storage: 'memory' });
  await db.put('tasks', 1, { title: 'write', done: false });
  await db.put('tasks', 2, { title: 'read', done: true });
  return db;
}

/** The next result's keys. */
async function next(results: AsyncIterator<[unknown, unknown][]>): Promise<unknown[]> {
  const { value, done } = await results.next();
  assert.ok(!done);
  return value.map(([key]: [unknown, unknown]) => key);
}

test('a_live_query_gives_the_result_of_now_and_each_other_one_that_a_commit_makes', async () => {
  const db = await tasks();
  const open = db.table<Task>('tasks').where('done', '=', false).live()[Symbol.asyncIterator]();
  assert.deepEqual(await next(open), [1]);
  await db.put('tasks', 3, { title: 'think', done: false });
  assert.deepEqual(await next(open), [1, 3]);
  await db.eval('_home.tasks[1].done = true');
  assert.deepEqual(await next(open), [3]);
  const waiting = next(open);
  // Neither of these changes the result.
  await db.put('tasks', 4, { title: 'sleep', done: true });
  await db.put('other', 1, { title: 'another table', done: false });
  await db.table<Task>('tasks').delete();
  assert.deepEqual(await waiting, []);
});

test('who_is_slow_misses_results_in_between_and_never_the_last', async () => {
  const db = await tasks();
  const live = db.live({ table: 'tasks' })[Symbol.asyncIterator]();
  assert.deepEqual(await next(live), [1, 2]);
  for (let key = 3; key < 50; key++) await db.put('tasks', key, { title: 'more', done: false });
  const seen: number[] = [];
  while (seen.at(-1) !== 49) seen.push((await next(live)).length);
  assert.ok(seen.length <= 2, `${seen}`);
});

test('a_table_that_is_not_there_has_no_rows_until_it_is', async () => {
  const db = await tasks();
  const live = db.live({ table: 'later' })[Symbol.asyncIterator]();
  assert.deepEqual(await next(live), []);
  await db.put('later', 'a', {});
  assert.deepEqual(await next(live), ['a']);
  await db.dropTable('later');
  assert.deepEqual(await next(live), []);
});

test('groups_are_kept_up_to_date_too_with_and_without_an_index', async () => {
  const db = await tasks();
  await db.createIndex('tasks', 'done');
  const groups = db
    .table<Task>('tasks')
    .groupBy('done')
    .aggregate({ n: { op: 'count' } });
  const live = groups.live()[Symbol.asyncIterator]();
  assert.deepEqual((await live.next()).value, [
    { done: false, n: 1 },
    { done: true, n: 1 },
  ]);
  await db.put('tasks', 3, { title: 'x', done: true });
  assert.deepEqual((await live.next()).value, [
    { done: false, n: 1 },
    { done: true, n: 2 },
  ]);
  await db.dropIndex('tasks', 'done');
  await db.delete('tasks', 1);
  assert.deepEqual((await live.next()).value, [{ done: true, n: 2 }]);
});

test('a_listener_is_called_until_it_is_stopped', async () => {
  const db = await tasks();
  const lengths: number[] = [];
  let heard: () => void = () => {};
  const stop = db.live({ table: 'tasks' }).onChange((rows) => {
    lengths.push(rows.length);
    heard();
  });
  const hear = () => new Promise<void>((resolve) => (heard = resolve));
  await hear();
  const again = hear();
  await db.put('tasks', 3, 1);
  await again;
  stop();
  await db.put('tasks', 4, 1);
  const other = db.live({ table: 'tasks' })[Symbol.asyncIterator]();
  assert.deepEqual(await next(other), [1, 2, 3, 4]);
  assert.deepEqual(lengths, [2, 3]);
});

test('a_signal_ends_a_query_that_waits_and_closing_the_database_is_an_error', async () => {
  const db = await tasks();
  const controller = new AbortController();
  const ended = db.live({ table: 'tasks' }, { signal: controller.signal })[Symbol.asyncIterator]();
  await next(ended);
  const waiting = ended.next();
  controller.abort();
  assert.deepEqual(await waiting, { value: undefined, done: true });

  const left = db.live({ table: 'tasks' })[Symbol.asyncIterator]();
  await next(left);
  const pending = left.next();
  assert.deepEqual(await left.return?.(), { value: undefined, done: true });
  assert.deepEqual(await pending, { value: undefined, done: true });

  const failing: unknown[] = [];
  const failed = new Promise<void>((resolve) => {
    db.live({ table: 'tasks' }).onChange(
      () => void db.close(),
      (error) => {
        failing.push((error as { code: string }).code);
        resolve();
      },
    );
  });
  await failed;
  assert.deepEqual(failing, ['store-closed']);
});

test('a_query_that_can_not_be_right_is_an_error', async () => {
  const db = await tasks();
  const wrong = db.live({ table: 'tasks', limit: -1 })[Symbol.asyncIterator]();
  await assert.rejects(wrong.next(), { code: 'invalid-query', place: 'limit' });
});
