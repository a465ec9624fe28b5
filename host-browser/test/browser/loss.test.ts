/** Databases that are deleted behind our back, and connections that the browser ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from '../harness/index.ts';
import { executable } from '../harness/index.ts';
import { alone, inEachBrowser, openPage } from './browsers.ts';

/** Deletes a database as a script that knows nothing of this package does. */
function deleteRaw(page: Page, name: string): Promise<void> {
  return page.evaluate(
    (stored) =>
      new Promise<void>((resolve, reject) => {
        const request = indexedDB.deleteDatabase(stored);
        request.onsuccess = () => resolve();
        request.onerror = () => reject(request.error);
      }),
    `cu:${name}`,
  );
}

/** Opens a database, with a document, and keeps it in the page. */
function keep(page: Page, name: string): Promise<void> {
  return page.evaluate(async (name) => {
    const db = await cu.open(name);
    await db.put('t', 'k', 1);
    Object.assign(globalThis.kept, { db });
  }, name);
}

type Kept = { db: Awaited<ReturnType<typeof cu.open>> };

inEachBrowser('loss', (tabs) => {
  test('a_database_that_another_script_deletes_while_it_is_open_is_lost_and_never_shown_as_empty', async () => {
    const [user, other] = await Promise.all([tabs.open(), tabs.open()]);
    await keep(user, 'taken');
    await deleteRaw(other, 'taken');
    const outcomes = await user.evaluate(async () => {
      const { db } = globalThis.kept as unknown as Kept;
      const live = store.outcome(db.live({ table: 't' })[Symbol.asyncIterator]().next());
      const during = [
        await store.outcome(db.get('t', 'k')),
        await store.outcome(db.put('t', 'k', 2)),
        await store.outcome(db.eval('return 1')),
        await store.outcome(db.begin()),
        await live,
      ];
      const names = await store.databaseNames();
      const again = await store.outcome(cu.open('taken'));
      const message = await cu.open('taken').catch((error: Error) => error.message);
      return { during, isMade: names.includes('cu:taken'), again, message };
    });
    assert.deepEqual(outcomes.during, Array(5).fill('store-lost'));
    assert.deepEqual([outcomes.isMade, outcomes.again], [false, 'store-lost']);
    assert.match(String(outcomes.message), /"taken" is gone: .*whenLost: 'accept'/);
    const accepted = await user.evaluate(async () => {
      const db = await cu.open('taken', { whenLost: 'accept' });
      await db.put('t', 'new', 1);
      await db.close();
      return (await cu.open('taken')).count({ table: 't' });
    });
    assert.equal(accepted, 1);
    await Promise.all([user.close(), other.close()]);
  });

  test('a_database_that_is_deleted_between_two_visits_is_lost', async () => {
    const page = await tabs.open();
    await keep(page, 'between');
    await tabs.reload(page);
    await deleteRaw(page, 'between');
    const outcomes = await page.evaluate(async () => [
      await store.outcome(cu.open('between')),
      await store.outcome(cu.open('between')),
      await (await cu.open('between', { whenLost: 'accept' })).tables(),
      await (await cu.open('between')).tables(),
      await store.outcome(cu.open('between', { whenLost: 'never' as 'accept' })),
    ]);
    assert.deepEqual(outcomes, ['store-lost', 'store-lost', [], [], 'invalid-argument']);
    await page.close();
  });

  test('another_database_of_the_same_name_is_not_taken_for_the_one_that_was_there', async () => {
    const page = await tabs.open();
    await keep(page, 'replaced');
    await deleteRaw(page, 'replaced');
    const outcomes = await page.evaluate(async () => {
      // What another program, or a copy of the profile, has put in its place.
      const other = await store.TextStore.open('replaced');
      await other.write({ a: '1' });
      await other.close();
      const { db } = globalThis.kept as unknown as Kept;
      return [await store.outcome(db.get('t', 'k')), await store.outcome(cu.open('replaced'))];
    });
    assert.deepEqual(outcomes, ['store-lost', 'store-lost']);
    await page.close();
  });

  test('a_database_that_was_deleted_by_its_owner_is_made_anew', async () => {
    const page = await tabs.open();
    await keep(page, 'owned');
    const outcomes = await page.evaluate(async () => {
      await cu.Database.deleteDatabase('owned');
      const { db } = globalThis.kept as unknown as Kept;
      return [await store.outcome(db.get('t', 'k')), await (await cu.open('owned')).tables()];
    });
    assert.deepEqual(outcomes, ['store-lost', []]);
    await page.close();
  });
});

// Firefox lets no test clear what a user can, or a browser under pressure does.
for (const name of ['chromium', 'webkit'] as const) {
  test(`storage_that_is_cleared_under_calls_in_flight_is_lost_and_nothing_half_is_left (${name})`, {
    skip: executable(name) === undefined,
  }, async (t) => {
    const { browser, server } = await alone(t, name);
    const page = await openPage(browser, server);
    await keep(page, 'evicted');
    const calls = page.evaluate(async () => {
      const { db } = globalThis.kept as unknown as Kept;
      for (;;) {
        const outcomes = await Promise.all([
          store.outcome(db.put('t', 'k', 2)),
          store.outcome(db.eval('_home.t.l = 3')),
          store.outcome(db.get('t', 'k')),
        ]);
        if (outcomes.includes('store-lost')) return store.outcome(db.get('t', 'k'));
      }
    });
    await browser.clearStorage(page);
    assert.equal(await calls, 'store-lost');
    const after = await page.evaluate(async () => [
      await store.outcome(cu.open('evicted')),
      await (await cu.open('evicted', { whenLost: 'accept' })).tables(),
    ]);
    assert.deepEqual(after, ['store-lost', []]);
  });
}

inEachBrowser(
  'connections that end',
  (tabs) => {
    for (const how of ['committed', 'aborted', 'overtaken'] as const) {
      test(`a_commit_that_was_${how}_when_its_connection_ended_takes_place_once`, async () => {
        const page = await tabs.open();
        const numbers = await page.evaluate(async (how) => {
          const name = `broken off, ${how}`;
          const [db, other] = [await store.TextStore.open(name), await store.TextStore.open(name)];
          await db.increment('n');
          const { commit } = IDBTransaction.prototype;
          // Once, the page hears of a commit what it would if the connection had ended under it.
          IDBTransaction.prototype.commit = function () {
            IDBTransaction.prototype.commit = commit;
            Object.defineProperty(this, 'error', { value: new DOMException('lost', 'UnknownError') });
            if (how !== 'committed') this.abort();
            else this.oncomplete = this.onabort;
            if (how === 'committed') this.commit();
            if (how === 'overtaken') void other.increment('n');
          };
          const numbers = [await db.increment('n'), await db.increment('n')];
          const digits = await other.entries('write');
          await Promise.all([db.close(), other.close()]);
          return [...numbers, digits.n];
        }, how);
        assert.deepEqual(numbers, how === 'overtaken' ? [3, 4, '4'] : [2, 3, '3']);
        await page.close();
      });
    }
  },
  ['page'],
);
