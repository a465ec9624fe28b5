/** Batches that are applied in chunks. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BatchProgress, type Operation, open } from '../../src/index.ts';

const put = (key: number): Operation => ({ op: 'put', table: 't', key, value: { key } });
const puts = (count: number) => Array.from({ length: count }, (_, key) => put(key));

async function* slowly(operations: Iterable<Operation>): AsyncGenerator<Operation> {
  for (const operation of operations) {
    await undefined;
    yield operation;
  }
}

test('a_batch_in_chunks_is_one_transaction_and_tells_how_far_it_is', async () => {
  const db = await open('chunks', { storage: 'memory' });
  await db.createIndex('t', 'key');
  const told: BatchProgress[] = [];
  const seen: Promise<number>[] = [];
  const results = await db.apply([...puts(250), { op: 'get', table: 't', key: 7 }], {
    chunk: 100,
    onProgress(progress) {
      told.push(progress);
      seen.push(db.count({ table: 't' }));
    },
  });
  assert.deepEqual(results, [...Array(250).fill(null), { key: 7 }]);
  assert.deepEqual(told, [
    { done: 100, total: 251, phase: 'apply' },
    { done: 200, total: 251, phase: 'apply' },
    { done: 251, total: 251, phase: 'apply' },
    { done: 251, total: 251, phase: 'commit' },
  ]);
  assert.deepEqual(await Promise.all(seen), [0, 0, 0, 0], 'nothing shows before its end');
  const whole = await open('whole', { storage: 'memory' });
  await whole.createIndex('t', 'key');
  await whole.apply(puts(250));
  assert.deepEqual(await db.digest(), await whole.digest());
});

test('operations_may_come_bit_by_bit', async () => {
  const db = await open('bits', { storage: 'memory' });
  const told: BatchProgress[] = [];
  const results = await db.apply(slowly(puts(25)), {
    chunk: 10,
    onProgress: (progress) => told.push(progress),
  });
  assert.equal(results.length, 25);
  assert.deepEqual(told.at(-1), { done: 25, total: undefined, phase: 'commit' });
  await db.apply(new Set([put(30)]));
  assert.equal(await db.count({ table: 't' }), 26);
  await assert.rejects(db.apply(5 as never), { code: 'invalid-argument', place: 'operations' });
  await assert.rejects(db.apply([], { chunk: 0.5 }), { code: 'invalid-argument', place: 'chunk' });
});

test('an_operation_that_fails_leaves_nothing_and_is_named_by_its_number_in_the_batch', async () => {
  const db = await open('failing', { storage: 'memory' });
  const before = await db.digest();
  const wrong = { op: 'put', table: 't', key: 1.5, value: 1 } as Operation;
  const failing = db.apply([...puts(25), wrong], { chunk: 10 });
  await assert.rejects(failing, { code: 'invalid-argument', place: '[25].key', message: /^\[25\]\.key/ });
  const again: Operation = { op: 'insert', table: 't', key: 3, value: 1 };
  await assert.rejects(db.apply([...puts(12), again], { chunk: 5 }), {
    code: 'already-exists',
    place: '[12].key',
  });
  assert.deepEqual(await db.digest(), before);
  const outcomes = await db.apply([...puts(12), again], { chunk: 5, mode: 'best-effort' });
  assert.equal(outcomes[12]!.error?.code, 'already-exists');
  assert.equal(await db.count({ table: 't' }), 12);
});

test('a_signal_ends_a_batch_between_chunks_with_nothing_written', async () => {
  const db = await open('cancelled', { storage: 'memory' });
  const before = await db.digest();
  const controller = new AbortController();
  let told = 0;
  const batch = db.apply(puts(1000), {
    chunk: 10,
    signal: controller.signal,
    onProgress: () => ++told === 5 && controller.abort(),
  });
  await assert.rejects(batch, { code: 'cancelled' });
  assert.equal(told, 5);
  assert.deepEqual(await db.digest(), before);
  await assert.rejects(db.apply(puts(1), { signal: controller.signal }), { code: 'cancelled' });
});

test('in_a_transaction_a_batch_that_fails_is_undone_alone', async () => {
  const db = await open('inside', { storage: 'memory' });
  await db.transaction(async (tx) => {
    await tx.put('t', 99, 1);
    await assert.rejects(tx.apply([...puts(10), { op: 'put', table: '', key: 1, value: 1 }], { chunk: 3 }), {
      place: '[10].table',
    });
    assert.equal(await tx.count({ table: 't' }), 1);
    await tx.apply(puts(10), { chunk: 3 });
  });
  assert.equal(await db.count({ table: 't' }), 11);
});

test('a_large_batch_takes_of_the_component_the_memory_of_a_chunk', async () => {
  const memories: WebAssembly.Memory[] = [];
  const { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...args: ConstructorParameters<typeof Instance>) {
      super(...args);
      const { memory } = super.exports;
      if (memory instanceof WebAssembly.Memory) memories.push(memory);
    }
  };
  try {
    const db = await open('large', { storage: 'memory' });
    await db.createIndex('t', 'name');
    const text = 'x'.repeat(400);
    function* many(): Generator<Operation> {
      for (let key = 0; key < 60_000; key++) {
        yield { op: 'put', table: 't', key, value: { name: `name ${key % 1000}`, text } };
      }
    }
    const megabytes = () => Math.max(...memories.map(({ buffer }) => buffer.byteLength)) / 1e6;
    await db.apply(many());
    const inChunks = megabytes();
    await db.apply([...many()]);
    const atOnce = megabytes();
    assert.ok(inChunks < 8, `${inChunks} MB`);
    assert.ok(atOnce > 5 * inChunks, `${atOnce} MB at once, ${inChunks} MB in chunks`);
    assert.equal(await db.count({ table: 't', where: { field: 'name', op: '=', value: 'name 7' } }), 60);
  } finally {
    WebAssembly.Instance = Instance;
  }
});

test('a_database_has_calls_of_another_durability', async () => {
  const db = await open('durable', { storage: 'memory' });
  const strict = db.with({ durability: 'strict' });
  await strict.put('t', 1, { a: 1 });
  await strict.apply(puts(5), { chunk: 2 });
  await db.apply([put(9)], { durability: 'strict' });
  assert.equal(await strict.table('t').count(), 6);
  const wrong = { durability: 'eventually' as 'strict' };
  assert.throws(() => db.with(wrong), { code: 'invalid-argument', place: 'durability' });
  await assert.rejects(
    db.transaction(() => 1, wrong),
    { code: 'invalid-argument', place: 'durability' },
  );
});
