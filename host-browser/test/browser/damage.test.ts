import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('damaged and foreign databases', (tabs) => {
  test('a_newer_database_is_refused_and_not_touched', async () => {
    const page = await tabs.open();
    const [code, same] = await page.evaluate(async () => {
      const later = await store.rawDatabase('cu:newer', 2, (db) =>
        db.createObjectStore('meta').put(1, 'format'),
      );
      later.close();
      const before = await store.dump('cu:newer');
      const code = await store.outcome(store.TextStore.open('newer'));
      return [code, before === (await store.dump('cu:newer'))];
    });
    assert.deepEqual([code, same], ['unsupported-format', true]);
    await page.close();
  });

  test('a_newer_format_record_is_refused_and_not_touched', async () => {
    const page = await tabs.open();
    const [code, same] = await page.evaluate(async () => {
      await (await store.TextStore.open('newer-record')).close();
      await store.tamper('cu:newer-record', ['meta'], (transaction) => {
        transaction.objectStore('meta').put({ name: 'cu-db', version: 2 }, 'format');
      });
      const before = await store.dump('cu:newer-record');
      const code = await store.outcome(store.TextStore.open('newer-record'));
      return [code, before === (await store.dump('cu:newer-record'))];
    });
    assert.deepEqual([code, same], ['unsupported-format', true]);
    await page.close();
  });

  test('a_foreign_database_is_refused_and_not_touched', async () => {
    const page = await tabs.open();
    const [code, same] = await page.evaluate(async () => {
      const other = await store.rawDatabase('cu:foreign', 1, (db) =>
        db.createObjectStore('things').put('x', 1),
      );
      other.close();
      const before = await store.dump('cu:foreign');
      const code = await store.outcome(store.TextStore.open('foreign'));
      return [code, before === (await store.dump('cu:foreign'))];
    });
    assert.deepEqual([code, same], ['unsupported-format', true]);
    await page.close();
  });

  for (const [what, prepare] of [
    [
      'a_log_record_with_a_flipped_bit',
      () =>
        store.tamperRecord('cu:damaged', 2, (bytes) => {
          bytes[bytes.length - 2]! ^= 1;
          return bytes;
        }),
    ],
    ['a_log_record_that_is_cut', () => store.tamperRecord('cu:damaged', 2, (bytes) => bytes.slice(0, 10))],
    ['a_log_record_that_is_missing', () => store.tamperRecord('cu:damaged', 2, () => undefined)],
    ['a_log_record_of_another_kind', () => store.tamperRecord('cu:damaged', 2, () => 'text')],
    [
      'a_directory_of_another_kind',
      async () => {
        await store.tamper('cu:damaged', ['meta'], (transaction) => {
          transaction.objectStore('meta').put({ version: 1, segments: 'none' }, 'directory');
        });
      },
    ],
  ] as const) {
    test(`${what}_is_store_corrupt_and_not_touched`, async () => {
      const page = await tabs.open();
      await page.evaluate(async () => {
        await cu.Database.deleteDatabase('damaged');
        const db = await store.TextStore.open('damaged');
        for (const key of ['a', 'b', 'c']) await db.write({ [key]: 'value' });
        await db.close();
      });
      await page.evaluate(prepare);
      const [code, same] = await page.evaluate(async () => {
        const before = await store.dump('cu:damaged');
        const code = await store.outcome(store.TextStore.open('damaged'));
        return [code, before === (await store.dump('cu:damaged'))];
      });
      assert.deepEqual([code, same], ['store-corrupt', true]);
      await page.close();
    });
  }

  test('damage_that_another_tab_leaves_in_the_log_stops_writes_and_changes_nothing', async () => {
    const page = await tabs.open();
    const outcomes = await page.evaluate(async () => {
      const db = await store.TextStore.open('damaged-later');
      await db.write({ a: '1' });
      await store.tamper('cu:damaged-later', ['log'], (transaction) => {
        transaction.objectStore('log').put(new Uint8Array(40), [2, 0]);
      });
      const before = await store.dump('cu:damaged-later');
      const write = await store.outcome(db.write({ b: '2' }));
      return [write, before === (await store.dump('cu:damaged-later')), await db.entries()];
    });
    assert.deepEqual(outcomes, ['store-corrupt', true, { a: '1' }]);
    await page.close();
  });

  for (const damage of ['flipped', 'missing'] as const) {
    test(`a_segment_that_is_${damage}_is_store_corrupt`, async () => {
      const page = await tabs.open();
      const code = await page.evaluate(async (how) => {
        const name = `segment-${how}`;
        const db = await store.TextStore.open(name, 'relaxed', { logBytes: 0 });
        await db.write({ a: 'x'.repeat(5000), b: 'y' });
        await db.tidied();
        await db.close();
        await store.tamper(`cu:${name}`, ['segments'], (transaction) => {
          const segments = transaction.objectStore('segments');
          if (how === 'missing') {
            segments.clear();
            return;
          }
          segments.openCursor().onsuccess = ({ target }) => {
            const cursor: IDBCursorWithValue = (target as IDBRequest).result;
            cursor.value[5] ^= 0x10;
            cursor.update(cursor.value);
          };
        });
        return store.outcome(store.TextStore.open(name));
      }, damage);
      assert.equal(code, 'store-corrupt');
      await page.close();
    });
  }
});
