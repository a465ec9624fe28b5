/** Transactions, live queries and durability on IndexedDB, between tabs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('transactions', (tabs) => {
  test('two_tabs_whose_transactions_meet_lose_nothing', async () => {
    const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
    const work = async () => {
      const db = await cu.open('meeting');
      let begun = 0;
      for (let round = 0; round < 25; round++) {
        await db.transaction(
          async (tx) => {
            begun++;
            const n = (await tx.get<number>('counters', 'n')) ?? 0;
            // The other tab gets its turn between reading and writing. Timers of tabs behind are slow.
            await new Promise((resolve) => {
              const { port1, port2 } = new MessageChannel();
              port1.onmessage = resolve;
              port2.postMessage(null);
            });
            await tx.put('counters', 'n', n + 1);
            await tx.put('log', n + 1, { by: 'a tab' });
          },
          { attempts: 1000 },
        );
      }
      await db.close();
      return begun;
    };
    const begun = await Promise.all([left.evaluate(work), right.evaluate(work)]);
    const after = await left.evaluate(async () => {
      const db = await cu.open('meeting');
      return [await db.get('counters', 'n'), await db.count({ table: 'log' })];
    });
    assert.deepEqual(after, [50, 50]);
    assert.ok(begun[0]! + begun[1]! > 50, 'they did meet');
    await Promise.all([left.close(), right.close()]);
  });

  test('a_commit_of_another_tab_is_a_conflict_even_if_this_tab_has_not_heard_of_it', async () => {
    const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
    await left.evaluate(async () => {
      const db = await cu.open('unheard');
      await db.put('t', 'read', 1);
      await db.put('t', 'other', 1);
      const tx = await db.begin();
      await tx.put('t', 'result', (await tx.get<number>('t', 'read'))!);
      const second = await db.begin();
      await second.put('t', 'other result', (await second.get<number>('t', 'other'))!);
      Object.assign(kept, { tx, second });
    });
    await right.evaluate(async () => {
      const db = await cu.open('unheard');
      await db.put('t', 'read', 2);
      await db.close();
    });
    const outcome = await left.evaluate(async () => {
      const { tx, second } = kept as unknown as Record<string, import('../../src/index.ts').Transaction>;
      return [await store.outcome(tx!.commit()), (await store.outcome(second!.commit())) === undefined];
    });
    await tabs.reload(left);
    const after = await left.evaluate(async () => {
      const db = await cu.open('unheard');
      const [result, other] = await db.getMany('t', ['result', 'other result']);
      return [result === undefined, other];
    });
    // The second has read nothing that was changed.
    assert.deepEqual(
      [outcome, after],
      [
        ['store-conflict', true],
        [true, 1],
      ],
    );
    await Promise.all([left.close(), right.close()]);
  });

  test('a_transaction_is_there_after_a_reload_if_it_was_committed_and_not_at_all_if_not', async () => {
    const page = await tabs.open();
    await page.evaluate(async () => {
      const db = await cu.open('reloaded');
      await db.transaction(async (tx) => {
        for (let key = 0; key < 20; key++) await tx.put('t', key, { key });
        await tx.createIndex('t', 'key');
      });
      const left = await db.begin();
      await left.put('t', 99, { key: 99 });
    });
    await tabs.reload(page);
    const after = await page.evaluate(async () => {
      const db = await cu.open('reloaded');
      return [await db.count({ table: 't' }), (await db.indexes('t'))[0]!.entries];
    });
    assert.deepEqual(after, [20, 20]);
    await page.close();
  });

  test('a_batch_in_chunks_is_whole_after_a_reload_and_one_that_was_cancelled_is_not_there', async () => {
    const page = await tabs.open();
    const outcomes = await page.evaluate(async () => {
      const db = await cu.open('chunks');
      function* many(from: number) {
        for (let key = from; key < from + 3000; key++) {
          yield { op: 'put', table: 't', key, value: { name: `name ${key}` } } as const;
        }
      }
      const results = await db.apply(many(0), { chunk: 250 });
      const controller = new AbortController();
      const cancelled = await store.outcome(
        db.apply(many(5000), {
          chunk: 250,
          signal: controller.signal,
          onProgress: ({ done }) => done === 1000 && controller.abort(),
        }),
      );
      return [results.length, cancelled];
    });
    await tabs.reload(page);
    const count = await page.evaluate(async () => (await cu.open('chunks')).count({ table: 't' }));
    assert.deepEqual([outcomes, count], [[3000, 'cancelled'], 3000]);
    await page.close();
  });

  test('a_live_query_hears_of_the_commits_of_another_tab', async () => {
    const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
    await left.evaluate(async () => {
      const db = await cu.open('live');
      const live = db.table<{ n: number }>('t').where('n', '>', 1).live()[Symbol.asyncIterator]();
      const first = await live.next();
      Object.assign(kept, { live, first: first.value });
    });
    const waiting = left.evaluate(async () => {
      const live = kept.live as unknown as AsyncIterator<[unknown, unknown][]>;
      return (await live.next()).value;
    });
    await right.evaluate(async () => {
      const db = await cu.open('live');
      await db.put('t', 'not wanted', { n: 1 });
      await db.put('t', 'wanted', { n: 2 });
    });
    assert.deepEqual(await waiting, [['wanted', { n: 2 }]]);
    await Promise.all([left.close(), right.close()]);
  });

  test('each_call_has_the_durability_that_was_asked_for', async () => {
    const page = await tabs.open();
    const seen = await page.evaluate(async () => {
      // The engine's thread is the one whose IndexedDB is looked at.
      const db = await cu.open('durability', { worker: false });
      const seen: unknown[] = [];
      const { transaction } = IDBDatabase.prototype;
      IDBDatabase.prototype.transaction = function (stores, mode, options) {
        if (mode === 'readwrite') seen.push(options?.durability);
        return transaction.call(this, stores, mode, options);
      };
      const strict = db.with({ durability: 'strict' });
      await db.put('t', 1, 1);
      await strict.put('t', 2, 1);
      await db.transaction((tx) => tx.put('t', 3, 1), { durability: 'strict' });
      await db.transaction((tx) => tx.put('t', 4, 1));
      await db.apply([{ op: 'put', table: 't', key: 5, value: 1 }], { durability: 'strict' });
      // Of those that share a transaction, all are as durable as one has asked for.
      await Promise.all([db.put('t', 6, 1), strict.put('t', 7, 1)]);
      // One that comes while another is on its way waits for the next.
      const early = db.put('t', 8, 1);
      await undefined;
      await undefined;
      await undefined;
      await Promise.all([early, strict.put('t', 9, 1)]);
      IDBDatabase.prototype.transaction = transaction;
      return { seen, count: await db.count({ table: 't' }) };
    });
    assert.deepEqual(seen, {
      seen: ['relaxed', 'strict', 'strict', 'relaxed', 'strict', 'strict', 'relaxed', 'strict'],
      count: 9,
    });
    await page.close();
  });
});
