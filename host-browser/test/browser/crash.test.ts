import assert from 'node:assert/strict';
import { test } from 'node:test';
import { executable, type LaunchedBrowser, launch, repositoryRoot, serve } from '../harness/index.ts';
import { names, openPage } from './browsers.ts';

/** How often each browser is killed. */
const KILLS = Number(process.env.CU_KILLS ?? 5);

for (const name of names) {
  test(`commits_survive_a_kill_of_the_browser_and_none_is_torn (${name})`, {
    skip: executable(name) === undefined,
    timeout: 60_000 + 40_000 * KILLS,
  }, async (t) => {
    let profile: string | undefined;
    const server = await serve(repositoryRoot);
    let alive: LaunchedBrowser | undefined;
    t.after(async () => {
      await alive?.close();
      await server.close();
    });
    let acknowledged = 0;
    for (let round = 0; round <= KILLS; round++) {
      const browser = await launch(name, profile === undefined ? {} : { profile });
      alive = browser;
      const page = await openPage(browser, server);
      const [left, right, extra] = await page.evaluate(async () => {
        const db = await store.TextStore.open('crash', 'relaxed', { logBytes: 20_000, logRecords: 8 });
        Object.assign(globalThis.kept, { db });
        const { left, right, ...extra } = await db.entries();
        return [Number(left ?? 0), Number(right ?? 0), Object.keys(extra).length];
      });
      assert.equal(left, right, 'a commit writes both numbers');
      assert.equal(extra, left, 'and one more key');
      assert.ok(left! >= acknowledged, `${left} of ${acknowledged} acknowledged commits are there`);
      if (round === KILLS) break;
      // The page tells of each commit once its promise has resolved, until it is killed.
      const enough = Promise.withResolvers<void>();
      await page.exposeFunction('acknowledge', (count: number) => {
        acknowledged = Math.max(acknowledged, count);
        if (count >= left! + 25 + 13 * (round % 5)) enough.resolve();
      });
      const endless = page.evaluate(async (from) => {
        const { db } = globalThis.kept as unknown as { db: Awaited<ReturnType<typeof store.TextStore.open>> };
        const { acknowledge } = globalThis as unknown as { acknowledge(count: number): void };
        for (let count = from + 1; ; count++) {
          const text = String(count);
          await db.write({ left: text, right: text, [`extra ${count}`]: 'x'.repeat(500) });
          acknowledge(count);
        }
      }, left!);
      await Promise.race([enough.promise, endless]);
      endless.catch(() => {});
      alive = undefined;
      profile = await browser.kill();
    }
  });
}
