import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page as PuppeteerPage } from 'puppeteer-core';
import { executable, launch, type Page } from '../harness/index.ts';
import { alone, inEachBrowser, names, openPage, ready } from './browsers.ts';

inEachBrowser('refusals of the platform', (tabs) => {
  test('an_aborted_transaction_leaves_the_last_durable_state', async () => {
    const page = await tabs.open();
    const outcomes = await page.evaluate(async () => {
      const db = await store.TextStore.open('aborted');
      await db.write({ a: '1' });
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (...args) {
        const request = put.apply(this, args);
        this.transaction.abort();
        return request;
      };
      const during = await Promise.all([
        // This one commits nothing, but nobody has told it whether others have.
        store.outcome(db.entries('write')),
        // This one does not have to know.
        store.outcome(db.entries('maybe')),
        store.outcome(db.write({ a: '2' })),
        // These saw the commit that was lost.
        store.outcome(db.read('a')),
        store.outcome(db.write({ b: '2' })),
      ]);
      IDBObjectStore.prototype.put = put;
      const after = await db.entries();
      const next = await db.write({ c: '3' });
      await db.close();
      return [during, after, next, await (await store.TextStore.open('aborted')).entries()];
    });
    assert.deepEqual(outcomes, [
      ['store-io', { a: '1' }, 'store-io', 'store-io', 'store-io'],
      { a: '1' },
      2,
      { a: '1', c: '3' },
    ]);
    await page.close();
  });

  test('a_connection_that_the_browser_closed_is_made_anew_and_nothing_is_written_twice', async () => {
    const page = await tabs.open();
    const outcomes = await page.evaluate(async () => {
      const transaction = IDBDatabase.prototype.transaction;
      const db = await store.TextStore.open('connection');
      await db.increment('n');
      let ends = 0;
      IDBDatabase.prototype.transaction = function (...args) {
        if (ends++ < 2) this.close();
        return transaction.apply(this, args);
      };
      const during = await Promise.all([db.increment('n'), db.read('n'), db.increment('n', 'maybe')]);
      IDBDatabase.prototype.transaction = transaction;
      return [during, ends > 2, await (await store.TextStore.open('connection')).entries()];
    });
    assert.deepEqual(outcomes, [[2, '2', 3], true, { n: '3' }]);
    await page.close();
  });
});

for (const name of names) {
  test(`storage_that_the_user_denies_is_store_unavailable_and_memory_works (${name})`, {
    skip: executable(name) === undefined,
  }, async (t) => {
    const { browser, server } = await alone(t, name, { denyStorage: true });
    const page = await openPage(browser, server);
    const outcomes = await page.evaluate(async () => {
      const refused = await cu.open('denied').then(
        () => 'opened',
        (error) => [error.code, error.message.includes("storage: 'memory'")],
      );
      const memory = await cu.open('denied', { storage: 'memory' });
      return [refused, (await memory.storage()).kind];
    });
    assert.deepEqual(outcomes, [['store-unavailable', true], 'memory']);
  });
}

// Firefox lets no test set a quota.
for (const name of ['chromium', 'webkit'] as const) {
  test(`a_full_quota_is_store_full_and_keeps_what_was_committed (${name})`, {
    skip: executable(name) === undefined,
  }, async (t) => {
    const quotaSize = 1_000_000;
    const { browser, server } = await alone(t, name, { quota: quotaSize });
    const page = await openPage(browser, server);
    // Before the first use of storage: Chromium remembers for a while how much room there was.
    const devtools = name === 'chromium' ? await (page as PuppeteerPage).createCDPSession() : undefined;
    await devtools?.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize });
    const [writes, during] = await page.evaluate(async () => {
      const db = await store.TextStore.open('quota');
      // What Chromium can compress counts for less.
      const noise = Array.from({ length: 4_000 }, () => Math.random().toString(36).slice(2)).join('');
      const writes: unknown[] = [];
      do
        writes.push(
          await store.outcome(db.write({ a: String(writes.length), [`n${writes.length}`]: noise })),
        );
      while (writes.length < 100 && typeof writes.at(-1) === 'number');
      return [writes, [Object.keys(await db.entries()).length, await db.read('a')]] as const;
    });
    await devtools?.send('Storage.overrideQuotaForOrigin', { origin: server.origin });
    let again: Page = page;
    if (name === 'webkit') {
      // There, a database may not even open before there is more room.
      const roomy = await launch(name, { profile: await browser.kill() });
      t.after(() => roomy.close());
      again = await openPage(roomy, server);
    } else {
      await page.reload();
      await ready(page);
    }
    const after = await again.evaluate(async () => {
      const db = await store.TextStore.open('quota');
      return [Object.keys(await db.entries()).length, await db.read('a')];
    });
    const succeeded = writes.length - 1;
    assert.equal(writes.at(-1), 'store-full');
    assert.ok(succeeded > 0);
    assert.deepEqual(during, [succeeded + 1, String(succeeded - 1)]);
    assert.deepEqual(after, during);
  });
}

// Firefox lets no test clear what a user can.
for (const name of ['chromium', 'webkit'] as const) {
  test(`a_user_who_clears_the_sites_data_closes_the_database (${name})`, {
    skip: executable(name) === undefined,
  }, async (t) => {
    const { browser, server } = await alone(t, name);
    const page = await openPage(browser, server);
    await page.evaluate(async () => {
      const db = await store.TextStore.open('cleared');
      await db.write({ a: '1' });
      Object.assign(globalThis.kept, { db });
    });
    await browser.clearStorage(page);
    const outcomes = await page.evaluate(async () => {
      const { db } = globalThis.kept as unknown as { db: Awaited<ReturnType<typeof store.TextStore.open>> };
      const after = [await store.outcome(db.write({ b: '2' })), await store.outcome(db.read('a'))];
      return [...after, await (await store.TextStore.open('cleared')).entries()];
    });
    assert.deepEqual(outcomes, ['store-lost', 'store-lost', {}]);
  });
}
