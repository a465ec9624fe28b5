/** Interactive transactions, on the component itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Database, open } from '../../src/index.ts';

async function accounts(): Promise<Database> {
  const db = await open('accounts', { storage: 'memory' });
  await db.put('accounts', 'x', 50);
  await db.put('accounts', 'y', 50);
  return db;
}

const both = (db: Database) => db.getMany<number>('accounts', ['x', 'y']);
const conflict = { name: 'CuError', code: 'store-conflict' };

test('the_calls_of_a_transaction_take_place_together_and_see_one_another', async () => {
  const db = await accounts();
  const left = await db.transaction(async (tx) => {
    await tx.put('accounts', 'x', 40);
    await tx.eval('_home.accounts.y = _home.accounts.x + 20');
    await tx.createIndex('accounts', { name: 'balance', fields: [[]] });
    assert.deepEqual(await tx.getMany('accounts', ['x', 'y']), [40, 60]);
    assert.deepEqual(await both(db), [50, 50], 'nobody else sees it yet');
    return tx.table('accounts').where([], '>', 45).count();
  });
  assert.equal(left, 1);
  assert.deepEqual(await both(db), [40, 60]);
  assert.equal((await db.indexes('accounts'))[0]!.entries, 2);
});

test('work_that_rejects_leaves_nothing', async () => {
  const db = await accounts();
  const before = await db.digest();
  const work = db.transaction(async (tx) => {
    await tx.put('accounts', 'x', 0);
    await tx.put('new', 1, 1);
    throw new RangeError('changed my mind');
  });
  await assert.rejects(work, RangeError);
  assert.deepEqual(await db.digest(), before);
});

test('a_transaction_is_the_same_as_its_calls_one_by_one', async () => {
  const [together, apart] = await Promise.all([accounts(), accounts()]);
  const work = async (
    db: Pick<Database, 'put' | 'apply' | 'createIndex' | 'delete' | 'eval' | 'dropTable'>,
  ) => {
    await db.createIndex('users', ['name', 'age']);
    for (let key = 0; key < 100; key++) await db.put('users', key, { name: `u${key % 7}`, age: key });
    await db.apply([
      { op: 'update', table: 'users', where: null, changes: [{ op: 'unset', field: 'age' }], limit: 9 },
    ]);
    await db.delete('users', 3);
    await db.eval('for k in pairs(_home.users) do if k % 2 == 0 then _home.users[k] = nil end end', []);
    await db.dropTable('accounts');
  };
  await together.transaction(work);
  await work(apart);
  assert.deepEqual(await together.digest(), await apart.digest());
});

test('a_call_that_fails_has_changed_nothing_and_leaves_the_transaction_as_it_was', async () => {
  const db = await accounts();
  await db.transaction(async (tx) => {
    await tx.put('accounts', 'x', 1);
    await assert.rejects(tx.eval('_home.accounts.x = 2  error("no")'), { code: 'script' });
    await assert.rejects(tx.put('a/b', 1, 1), { code: 'invalid-argument' });
    await assert.rejects(tx.eval('_home.accounts.x = 3', [], { readOnly: true }), {
      code: 'store-read-only',
    });
    assert.equal(await tx.get('accounts', 'x'), 1);
  });
  assert.deepEqual(await both(db), [1, 50]);
});

test('savepoints_are_gone_back_to_and_nest', async () => {
  const db = await accounts();
  await db.transaction(async (tx) => {
    await tx.put('accounts', 'x', 1);
    const outer = await tx.savepoint();
    await tx.put('accounts', 'x', 2);
    await tx.createIndex('accounts', ['a']);
    const inner = await tx.savepoint();
    await tx.put('accounts', 'x', 3);
    await tx.rollbackTo(inner);
    assert.equal(await tx.get('accounts', 'x'), 2);
    await tx.rollbackTo(outer);
    assert.equal(await tx.get('accounts', 'x'), 1);
    assert.deepEqual(await tx.indexes('accounts'), []);
    await assert.rejects(tx.rollbackTo(inner), { code: 'invalid-argument', place: 'savepoint' });
    await tx.put('accounts', 'x', 4);
    await tx.rollbackTo(outer);
    await tx.put('accounts', 'y', 5);
    const released = await tx.savepoint();
    await tx.put('accounts', 'y', 6);
    await tx.release(released);
    await assert.rejects(tx.rollbackTo(released), { code: 'invalid-argument' });
  });
  assert.deepEqual(await both(db), [1, 6]);
});

test('savepoints_and_calls_take_their_turns_without_being_waited_for', async () => {
  const db = await accounts();
  const tx = await db.begin();
  const first = tx.put('accounts', 'x', 1);
  const savepoint = tx.savepoint();
  const second = tx.put('accounts', 'x', 2);
  await tx.rollbackTo(await savepoint);
  await Promise.all([first, second, tx.commit()]);
  assert.deepEqual(await both(db), [1, 50]);
});

test('a_transaction_that_has_ended_takes_no_calls', async () => {
  const db = await accounts();
  const tx = await db.begin();
  await tx.put('accounts', 'x', 1);
  await tx.commit();
  await assert.rejects(tx.put('accounts', 'x', 2), { code: 'store-closed', message: /begin another/ });
  await assert.rejects(tx.commit(), { code: 'store-closed' });
  await tx.rollback();
  const other = await db.begin();
  await other.put('accounts', 'x', 3);
  await other.rollback();
  await assert.rejects(other.get('accounts', 'x'), { code: 'store-closed' });
  assert.deepEqual(await both(db), [1, 50]);
  const late = await db.begin();
  await late.put('accounts', 'x', 9);
  await db.close();
  await assert.rejects(late.commit(), { code: 'store-closed' });
});

// The anomalies that isolation is about, each with what keeps it away.

test('dirty_write: of_two_that_write_after_reading_one_is_refused_whole', async () => {
  const db = await accounts();
  const [one, two] = [await db.begin(), await db.begin()];
  await one.eval('_home.accounts.x = _home.accounts.x + 1  _home.accounts.y = 1');
  await two.eval('_home.accounts.x = _home.accounts.x + 2  _home.accounts.y = 2');
  await one.commit();
  await assert.rejects(two.commit(), conflict);
  assert.deepEqual(await both(db), [51, 1]);
});

test('dirty_read: what_is_not_committed_is_seen_by_nobody', async () => {
  const db = await accounts();
  const [one, two] = [await db.begin(), await db.begin()];
  await one.put('accounts', 'x', 0);
  assert.equal(await two.get('accounts', 'x'), 50);
  assert.equal(await db.get('accounts', 'x'), 50);
  await one.rollback();
  await two.put('accounts', 'y', (await two.get<number>('accounts', 'x'))!);
  await two.commit();
  assert.deepEqual(await both(db), [50, 50]);
});

test('lost_update: who_has_read_what_another_wrote_since_is_refused', async () => {
  const db = await accounts();
  const [one, two] = [await db.begin(), await db.begin()];
  await two.put('accounts', 'x', (await two.get<number>('accounts', 'x'))! + 20);
  await one.put('accounts', 'x', (await one.get<number>('accounts', 'x'))! + 1);
  await one.commit();
  await assert.rejects(two.commit(), conflict);
  assert.deepEqual(await both(db), [51, 50]);
});

test('read_skew: a_transaction_reads_one_state', async () => {
  const db = await accounts();
  const reader = await db.begin();
  assert.equal(await reader.get('accounts', 'x'), 50);
  await db.apply([
    { op: 'put', table: 'accounts', key: 'x', value: 10 },
    { op: 'put', table: 'accounts', key: 'y', value: 90 },
  ]);
  assert.equal(await reader.get('accounts', 'y'), 50);
  // It has written nothing, so it is as if it had run before.
  await reader.commit();
  assert.deepEqual(await both(db), [10, 90]);
});

test('write_skew: two_that_read_both_and_write_one_each_can_not_both_commit', async () => {
  const db = await accounts();
  const withdraw = async (from: 'x' | 'y') => {
    const tx = await db.begin();
    const [x, y] = (await tx.getMany<number>('accounts', ['x', 'y'])) as [number, number];
    if (x + y >= 100) await tx.put('accounts', from, -10);
    return tx;
  };
  const [one, two] = [await withdraw('x'), await withdraw('y')];
  await two.commit();
  await assert.rejects(one.commit(), conflict);
  assert.deepEqual(await both(db), [50, -10]);
});

test('phantom: a_document_that_a_query_would_have_found_is_a_conflict_with_and_without_an_index', async () => {
  for (const isIndexed of [false, true]) {
    const db = await accounts();
    await db.put('shifts', 1, { day: 1 });
    if (isIndexed) await db.createIndex('shifts', 'day');
    const tx = await db.begin();
    const count = await tx.table('shifts').where('day', '=', 2).count();
    await tx.put('accounts', 'x', count);
    await db.put('shifts', 2, { day: 2 });
    await assert.rejects(tx.commit(), conflict);
  }
});

test('what_a_transaction_has_not_read_may_change', async () => {
  const db = await accounts();
  await db.put('others', 1, 1);
  const tx = await db.begin();
  await tx.put('accounts', 'x', (await tx.get<number>('accounts', 'x'))! + 1);
  await db.put('others', 1, 2);
  await db.put('accounts', 'y', 7);
  await tx.commit();
  assert.deepEqual(await both(db), [51, 7]);
});

test('an_index_that_was_made_meanwhile_is_a_conflict_and_never_left_incomplete', async () => {
  const db = await accounts();
  const tx = await db.begin();
  await tx.put('accounts', 'z', 1);
  await db.createIndex('accounts', { name: 'balance', fields: [[]] });
  await assert.rejects(tx.commit(), conflict);
  await db.transaction((tx) => tx.put('accounts', 'z', 1));
  assert.equal((await db.indexes('accounts'))[0]!.entries, 3);
});

test('work_that_meets_a_conflict_is_run_again_as_often_as_was_said', async () => {
  const db = await accounts();
  const increment = () =>
    db.transaction(
      async (tx) => {
        const x = (await tx.get<number>('accounts', 'x'))!;
        await new Promise((resolve) => setImmediate(resolve));
        await tx.put('accounts', 'x', x + 1);
      },
      { attempts: 1000 },
    );
  await Promise.all(Array.from({ length: 20 }, increment));
  assert.equal(await db.get('accounts', 'x'), 70);

  let begun = 0;
  const hopeless = db.transaction(
    async (tx) => {
      begun++;
      await tx.get('accounts', 'y');
      await tx.put('accounts', 'x', 0);
      await db.put('accounts', 'y', begun);
    },
    { attempts: 3 },
  );
  await assert.rejects(hopeless, conflict);
  assert.equal(begun, 3);
  assert.equal(await db.get('accounts', 'x'), 70);
  await assert.rejects(
    db.transaction(() => 1, { attempts: 0 }),
    { code: 'invalid-argument', place: 'attempts' },
  );
});
