import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser(
  'store',
  (tabs) => {
    test('a_reload_keeps_what_was_committed', async () => {
      const page = await tabs.open();
      const before = await page.evaluate(async () => {
        const db = await store.TextStore.open('reload');
        await db.write({ a: '1', b: '2' });
        await db.write({ a: null, c: '3' });
        return [await db.entries(), await db.version()];
      });
      await tabs.reload(page);
      const after = await page.evaluate(async () => {
        const db = await store.TextStore.open('reload');
        return [await db.entries(), await db.version()];
      });
      assert.deepEqual(before, [{ b: '2', c: '3' }, 2]);
      assert.deepEqual(after, before);
      await page.close();
    });

    test('strict_durability_keeps_it_too', async () => {
      const page = await tabs.open();
      const entries = await page.evaluate(async () => {
        const db = await store.TextStore.open('strict', 'strict');
        await db.write({ a: '1' });
        await db.close();
        return (await store.TextStore.open('strict', 'strict')).entries();
      });
      assert.deepEqual(entries, { a: '1' });
      await page.close();
    });

    test('calls_that_wait_at_the_same_time_share_a_transaction', async () => {
      const page = await tabs.open();
      const [versions, info] = await page.evaluate(async () => {
        const db = await store.TextStore.open('shared');
        const writes = Array.from({ length: 100 }, (_, index) => db.write({ [`k${index}`]: 'v' }));
        return [await Promise.all(writes), db.info] as const;
      });
      assert.deepEqual(
        versions,
        Array.from({ length: 100 }, (_, index) => index + 1),
      );
      assert.ok(info.logRecords <= 4, `${info.logRecords} transactions`);
      await page.close();
    });

    test('a_caller_reads_what_it_wrote_without_waiting', async () => {
      const page = await tabs.open();
      const seen = await page.evaluate(async () => {
        const db = await store.TextStore.open('own-writes');
        const results = [
          db.read('a'),
          db.write({ a: '1' }),
          db.read('a'),
          db.write({ a: '2' }),
          db.read('a'),
        ];
        return (await Promise.all(results)).map((result) => result ?? 'nothing');
      });
      assert.deepEqual(seen, ['nothing', 1, '1', 2, '2']);
      await page.close();
    });

    test('two_tabs_that_write_at_once_lose_nothing', async () => {
      const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
      const work = (key: string) =>
        (async () => {
          const db = await store.TextStore.open('two-tabs');
          for (let round = 0; round < 100; round++) {
            await Promise.all([
              db.increment('shared', round % 2 ? 'maybe' : 'write'),
              db.increment(key, 'maybe'),
            ]);
          }
          return db.entries('write');
        })();
      await Promise.all([left.evaluate(work, 'left'), right.evaluate(work, 'right')]);
      const entries = await left.evaluate(async () => (await store.TextStore.open('two-tabs')).entries());
      assert.deepEqual(entries, { left: '100', right: '100', shared: '200' });
      await Promise.all([left.close(), right.close()]);
    });

    test('a_tab_hears_what_another_committed', async () => {
      const [writer, reader] = await Promise.all([tabs.open(), tabs.open()]);
      await reader.evaluate(async () => {
        const db = await store.TextStore.open('hears');
        const heard = new Promise<void>((resolve) => {
          // Registered after the store's own channel, so told after it.
          new BroadcastChannel('cu:hears').onmessage = () => resolve();
        });
        Object.assign(globalThis.kept, { db, heard });
      });
      await writer.evaluate(async () => {
        await (await store.TextStore.open('hears')).write({ news: 'yes' });
      });
      const entries = await reader.evaluate(async () => {
        const { db, heard } = globalThis.kept as unknown as {
          db: Awaited<ReturnType<typeof store.TextStore.open>>;
          heard: Promise<void>;
        };
        await heard;
        return db.entries();
      });
      assert.deepEqual(entries, { news: 'yes' });
      await Promise.all([writer.close(), reader.close()]);
    });

    test('a_database_deleted_behind_our_back_is_closed_and_starts_anew', async () => {
      const [user, deleter] = await Promise.all([tabs.open(), tabs.open()]);
      await user.evaluate(async () => {
        const db = await store.TextStore.open('deleted');
        await db.write({ a: '1' });
        Object.assign(globalThis.kept, { db });
      });
      await deleter.evaluate(() => cu.Database.deleteDatabase('deleted'));
      const outcomes = await user.evaluate(async () => {
        const { db } = globalThis.kept as unknown as { db: Awaited<ReturnType<typeof store.TextStore.open>> };
        const after = [await store.outcome(db.write({ b: '2' })), await store.outcome(db.read('a'))];
        return [...after, await (await store.TextStore.open('deleted')).entries()];
      });
      assert.deepEqual(outcomes, ['store-lost', 'store-lost', {}]);
      await Promise.all([user.close(), deleter.close()]);
    });

    test('calls_after_close_are_refused_and_calls_before_it_complete', async () => {
      const page = await tabs.open();
      const outcomes = await page.evaluate(async () => {
        const db = await store.TextStore.open('closing');
        const write = db.write({ a: '1' });
        const close = db.close();
        const late = store.outcome(db.write({ b: '2' }));
        return [
          await write,
          await close,
          await late,
          await (await store.TextStore.open('closing')).entries(),
        ];
      });
      assert.deepEqual([outcomes[0], outcomes[2], outcomes[3]], [1, 'store-closed', { a: '1' }]);
      await page.close();
    });

    test('names_keep_databases_apart', async () => {
      const page = await tabs.open();
      const entries = await page.evaluate(async () => {
        const [one, other] = await Promise.all([
          store.TextStore.open('apart'),
          store.TextStore.open('apart 2'),
        ]);
        await Promise.all([one.write({ a: '1' }), other.write({ a: '2' })]);
        return [await one.entries(), await other.entries()];
      });
      assert.deepEqual(entries, [{ a: '1' }, { a: '2' }]);
      await page.close();
    });

    test('a_commit_larger_than_one_log_record_is_whole_and_can_be_deleted_at_once', async () => {
      const page = await tabs.open();
      await page.evaluate(async () => {
        const db = await store.TextStore.open('large', 'relaxed', { logBytes: 1e9 });
        const digit = (index: number) => String(index).repeat(10_000_000);
        await db.write(Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((index) => [`k${index}`, digit(index)])));
        await db.close();
      });
      await tabs.reload(page);
      const [records, lengths] = await page.evaluate(async () => {
        const db = await store.TextStore.open('large', 'relaxed', { logBytes: 1e9 });
        const entries = Object.entries(await db.entries());
        return [
          db.info.logRecords,
          entries.map(([key, value]) => [key, value[0], value.at(-1), value.length]),
        ] as const;
      });
      assert.equal(records, 67);
      assert.deepEqual(
        lengths,
        [0, 1, 2, 3, 4, 5, 6].map((index) => [`k${index}`, `${index}`, `${index}`, 10_000_000]),
      );
      const left = await page.evaluate(async () => {
        const db = await store.TextStore.open('large');
        await db.close();
        await cu.Database.deleteDatabase('large');
        return (await store.TextStore.open('large')).entries();
      });
      assert.deepEqual(left, {});
      await page.close();
    });
  },
  ['page'],
);
