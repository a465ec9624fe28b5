/** Several pages on one database at once: what each sees of the others, and what becomes of one that dies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from '../harness/index.ts';
import { executable } from '../harness/index.ts';
import { inEachBrowser } from './browsers.ts';

/** How many databases have outlived a page: each has a name of its own. */
let databases = 0;

type Kept = { db: Awaited<ReturnType<typeof cu.open>>; seen: unknown[] };

/** Longer than this, in ms, no page may be held up by another one. */
const PATIENCE = 2_000;

inEachBrowser('pages at once', (tabs) => {
  test('what_pages_write_in_turns_is_all_there_and_each_sees_it', async () => {
    const pages = await Promise.all([tabs.open(), tabs.open()]);
    const write = (own: number) =>
      (async () => {
        const db = await cu.open('turns');
        for (let round = 0; round < 40; round++) {
          await Promise.all([
            db.put('t', [own, round].join(), { round }),
            db.eval('_home.n = (_home.n or 0) + 1'),
            db.transaction(
              async (tx) => {
                const count = (await tx.get<number>('counts', 'all')) ?? 0;
                await tx.put('counts', 'all', count + 1);
              },
              { attempts: 1000 },
            ),
          ]);
        }
        Object.assign(globalThis.kept, { db });
      })();
    await Promise.all(pages.map((page, own) => page.evaluate(write, own)));
    const found = await Promise.all(
      pages.map((page) =>
        page.evaluate(async () => {
          const { db } = globalThis.kept as unknown as Kept;
          // A write is behind all that others have committed.
          await db.put('seen', 1, 1);
          return [
            await db.count({ table: 't' }),
            await db.eval('return _home.n'),
            await db.get<number>('counts', 'all'),
            [...(await db.digest())].join(),
          ];
        }),
      ),
    );
    assert.deepEqual(found[0]!.slice(0, 3), [80, [80], 80]);
    assert.deepEqual(found[1], found[0]);
    await Promise.all(pages.map((page) => page.close()));
  });

  test('live_queries_changes_and_kept_results_follow_what_another_page_commits', async () => {
    const [watching, writing] = await Promise.all([tabs.open(), tabs.open()]);
    await watching.evaluate(async () => {
      const db = await cu.open('watched');
      await db.configureFeed();
      await db.setLimits({ cacheSize: 1_000_000 });
      await db.put('t', 1, { n: 1 });
      const live = db.live({ table: 't', where: { field: 'n', op: '>', value: 0 } })[Symbol.asyncIterator]();
      const changes = db.subscribe();
      await live.next();
      // Twice, so that the second is from what is kept.
      for (let time = 0; time < 2; time++) await db.query({ table: 't' });
      const seen = (async () => {
        const [rows, change] = await Promise.all([live.next(), changes.next()]);
        const found = await db.query({ table: 't' });
        return [rows.value, change.value?.key, found];
      })();
      Object.assign(globalThis.kept, { seen });
    });
    await writing.evaluate(async () => {
      await (await cu.open('watched')).put('t', 2, { n: 2 });
    });
    const seen = await watching.evaluate(async () => (globalThis.kept as unknown as Kept).seen);
    const both = [
      [1, { n: 1 }],
      [2, { n: 2 }],
    ];
    assert.deepEqual(seen, [both, 2, both]);
    await Promise.all([watching.close(), writing.close()]);
  });

  test('the_others_hear_of_a_commit_though_its_database_is_closed_at_once', async () => {
    const [watching, writing] = await Promise.all([tabs.open(), tabs.open()]);
    await watching.evaluate(async () => {
      const db = await cu.open('closed at once');
      const live = db.live({ table: 't' })[Symbol.asyncIterator]();
      await live.next();
      Object.assign(globalThis.kept, { seen: live.next() });
    });
    await writing.evaluate(async () => {
      const db = await cu.open('closed at once');
      await db.put('t', 1, 'one');
      await db.close();
    });
    const seen = await watching.evaluate(async () => (globalThis.kept as unknown as Kept).seen);
    assert.deepEqual(seen, { value: [[1, 'one']], done: false });
    await Promise.all([watching.close(), writing.close()]);
  });

  test('a_page_that_is_closed_while_it_writes_holds_nobody_up', async () => {
    await outlives(async (dying) => {
      await dying.close();
    });
  });

  // Firefox lets nobody end the process of a page, and WebKit's driver ends with it.
  if (tabs.name === 'chromium' && executable('chromium') !== undefined) {
    test('a_page_that_crashes_while_it_writes_holds_nobody_up', async () => {
      await outlives(tabs.crash);
    });
  }

  /** One page writes without an end until something happens to it; another one goes on writing. */
  async function outlives(happen: (page: Page) => Promise<void>): Promise<void> {
    const name = `outlived ${++databases}`;
    const [dying, other] = await Promise.all([tabs.open(), tabs.open()]);
    await other.evaluate(async (name) => {
      const db = await cu.open(name);
      await db.eval('_home.n, _home.t = 0, {}');
      Object.assign(globalThis.kept, { db });
    }, name);
    let acknowledged = 0;
    const enough = Promise.withResolvers<void>();
    await dying.exposeFunction('acknowledge', (count: number) => {
      acknowledged = count;
      if (count === 20) enough.resolve();
    });
    const writing = dying.evaluate(async (name) => {
      const { acknowledge } = globalThis as unknown as { acknowledge(count: number): void };
      const db = await cu.open(name);
      for (let count = 1; ; count++) {
        await db.eval('local n = ...  _home.n = n  _home.t[n] = true', [count]);
        acknowledge(count);
      }
    }, name);
    writing.catch(() => {});
    await enough.promise;
    await happen(dying);
    const [longest, n, documents] = await other.evaluate(async () => {
      const { db } = globalThis.kept as unknown as Kept;
      let longest = 0;
      for (let round = 0; round < 20; round++) {
        const begun = performance.now();
        await db.put('others', round, 1);
        longest = Math.max(longest, performance.now() - begun);
      }
      const [n] = await db.eval('return _home.n');
      return [longest, n as number, await db.count({ table: 't' })] as const;
    });
    assert.ok(longest < PATIENCE, `held up for ${longest} ms`);
    assert.ok(n >= acknowledged, `${n} of ${acknowledged} acknowledged commits are there`);
    assert.equal(documents, n, 'each as a whole');
    await Promise.all([dying, other].map((page) => page.close().catch(() => {})));
  }
});
