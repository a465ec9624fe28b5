/** How much room there is, being told in time, and what happens when it is used up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page as PuppeteerPage } from 'puppeteer-core';
import { executable } from '../harness/index.ts';
import { alone, inEachBrowser, openPage } from './browsers.ts';

inEachBrowser('room', (tabs) => {
  test('storage_tells_the_room_that_the_browser_gives', async () => {
    const page = await tabs.open();
    const [stored, memory, refused] = await page.evaluate(async () => {
      const db = await cu.open('room');
      await db.put('t', 'k', 'x'.repeat(1000));
      const memory = await cu.open('room', { storage: 'memory' });
      return [
        (await db.storage()).room,
        (await memory.storage()).room === undefined,
        [
          await store.outcome(cu.open('room', { warnAt: 0 })),
          await store.outcome(cu.open('room', { onStorageWarning: 1 as never })),
        ],
      ] as const;
    });
    assert.ok(stored !== undefined);
    assert.ok(stored.usage > 0 && stored.quota > stored.usage);
    assert.equal(stored.remaining, stored.quota - stored.usage);
    assert.equal(stored.persisted, false);
    assert.deepEqual([memory, refused], [true, ['invalid-argument', 'invalid-argument']]);
    await page.close();
  });
});

test('a_browser_that_tells_no_room_is_written_to_all_the_same (webkit)', {
  skip: executable('webkit') === undefined,
}, async (t) => {
  const { browser, server } = await alone(t, 'webkit');
  const page = await openPage(browser, server);
  const found = await page.evaluate(async () => {
    const db = await cu.open('untold', { warnAt: 0.1, onStorageWarning: () => db.put('t', 'warned', 1) });
    for (let n = 0; n < 5; n++) await db.put('t', n, 'x'.repeat(100_000));
    return [(await db.storage()).room === undefined, await db.persist(), await db.count({ table: 't' })];
  });
  assert.deepEqual(found, [true, false, 5]);
});

// Firefox lets no test set a quota.
for (const [name, thread] of [
  ['chromium', 'worker'],
  ['chromium', 'page'],
  ['webkit', 'worker'],
] as const) {
  test(`storage_that_gets_low_is_told_and_then_writes_are_refused_before_the_limit (${name}, engine in ${thread})`, {
    skip: executable(name) === undefined,
  }, async (t) => {
    const quotaSize = 2_000_000;
    const { browser, server } = await alone(t, name, { tellQuota: true, asSafari: true, quota: quotaSize });
    const page = await openPage(browser, server, thread);
    if (name === 'chromium') {
      const devtools = await (page as PuppeteerPage).createCDPSession();
      await devtools.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize });
    }
    const seen = await page.evaluate(async () => {
      const warnings: [number, number][] = [];
      let stored = 0;
      const db = await cu.open('low', {
        warnAt: 0.5,
        onStorageWarning: ({ usage, quota }) => warnings.push([usage / quota, stored]),
      });
      const noise = () => crypto.getRandomValues(new Uint8Array(30_000));
      let error: { code: string; details?: { remaining: number } } | undefined;
      while (error === undefined && stored < 200) {
        await db.put('t', stored, { noise: noise() }).then(
          () => stored++,
          (thrown) => {
            error = thrown;
          },
        );
      }
      const left = await db.count({ table: 't' });
      // Room is left to make more.
      const deleted = await Promise.all(
        Array.from({ length: stored - 1 }, (_, key) => store.outcome(db.delete('t', key))),
      );
      await db.close();
      const again = await cu.open('low');
      return {
        warnings,
        stored,
        error: [error?.code, typeof error?.details?.remaining],
        left,
        deleted: deleted.filter((one) => one === true).length,
        kept: await again.count({ table: 't' }),
      };
    });
    assert.deepEqual(seen.error, ['store-full', 'number']);
    assert.equal(seen.warnings.length, 1);
    const [share, when] = seen.warnings[0]!;
    assert.ok(share >= 0.5 && share < 0.9, `told at ${share}`);
    assert.ok(when < seen.stored, 'before it was full');
    assert.deepEqual([seen.left, seen.deleted, seen.kept], [seen.stored, seen.stored - 1, 1]);
  });
}

test('a_site_can_ask_for_its_storage_to_be_kept_and_the_room_tells (chromium)', {
  skip: executable('chromium') === undefined,
}, async (t) => {
  const { browser, server } = await alone(t, 'chromium');
  const page = await openPage(browser, server);
  const ask = () =>
    page.evaluate(async () => {
      const db = await cu.open('persist');
      return [await db.persist(), (await db.storage()).room?.persisted];
    });
  const before = await ask();
  await browser.browser.defaultBrowserContext().overridePermissions(server.origin, ['persistent-storage']);
  assert.deepEqual(
    [before, await ask()],
    [
      [false, false],
      [true, true],
    ],
  );
});
