/** The engine in a worker: what a page can tell, and what becomes of it when the worker ends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alone, inEachBrowser, names, openPage } from './browsers.ts';

inEachBrowser(
  'worker',
  (tabs) => {
    test('the_page_goes_on_while_lua_runs', async () => {
      const page = await tabs.open();
      const turns = await page.evaluate(async () => {
        const db = await cu.open('busy');
        let ended = false;
        const call = db.eval('local n = 0 for i = 1, 20000000 do n = n + i end return n');
        call.then(() => {
          ended = true;
        });
        let turns = 0;
        for (; !ended; turns++) await new Promise((resolve) => setTimeout(resolve));
        return turns;
      });
      // In the page's own thread there would be none between the call and its end.
      assert.ok(turns > 3, `${turns} turns`);
      await page.close();
    });

    test('calls_that_are_pending_when_the_worker_ends_reject_and_the_next_one_starts_another', async () => {
      const page = await tabs.open();
      const outcomes = await page.evaluate(async () => {
        const workers: Worker[] = [];
        const worker = () => {
          workers.push(new Worker('/host-browser/dist/worker.js', { type: 'module' }));
          return workers.at(-1)!;
        };
        const db = await cu.open('lost', { worker });
        await db.put('t', 'kept', 1);
        const tx = await db.begin();
        const pending = [
          db.eval('while true do end'),
          db.get('t', 'kept'),
          db.exportArchive(),
          tx.get('t', 'kept'),
        ];
        workers[0]!.terminate();
        const outcomes = await Promise.all(pending.map(store.outcome));
        return {
          outcomes,
          next: await db.get('t', 'kept'),
          workers: workers.length,
          transaction: await store.outcome(tx.get('t', 'kept')),
        };
      });
      assert.deepEqual(outcomes, {
        outcomes: Array(4).fill('worker-lost'),
        next: 1,
        workers: 2,
        transaction: 'worker-lost',
      });
      await page.close();
    });

    test('live_queries_and_subscriptions_go_on_in_the_next_worker', async () => {
      const page = await tabs.open();
      const seen = await page.evaluate(async () => {
        const workers: Worker[] = [];
        const db = await cu.open('going on', {
          worker: () => {
            workers.push(new Worker('/host-browser/dist/worker.js', { type: 'module' }));
            return workers.at(-1)!;
          },
        });
        await db.configureFeed();
        const live = db.live({ table: 't' })[Symbol.asyncIterator]();
        const changes = db.subscribe();
        const first = (await live.next()).value;
        await db.put('t', 1, 'one');
        const seen = [first, (await live.next()).value, (await changes.next()).value?.after];
        const [rows, change] = [live.next(), changes.next()];
        workers[0]!.terminate();
        await db.put('t', 2, 'two').catch(() => db.put('t', 2, 'two'));
        seen.push((await rows).value, (await change).value?.after);
        await live.return?.();
        await changes.return?.();
        return [...seen, workers.length];
      });
      const two = [
        [1, 'one'],
        [2, 'two'],
      ];
      assert.deepEqual(seen, [[], [[1, 'one']], 'one', two, 'two', 2]);
      await page.close();
    });

    test('what_was_in_memory_goes_with_the_worker', async () => {
      const page = await tabs.open();
      const outcomes = await page.evaluate(async () => {
        const outcomes: unknown[] = [];
        // More than once: a worker that has just started must not end unseen either.
        for (let round = 0; round < 10; round++) {
          let started: Worker | undefined;
          const worker = () => (started = new Worker('/host-browser/dist/worker.js', { type: 'module' }));
          const db = await cu.open('fleeting', { storage: 'memory', worker });
          const pending = store.outcome(db.eval('while true do end'));
          started!.terminate();
          outcomes.push(await pending, await store.outcome(db.get('t', 'k')));
        }
        return outcomes;
      });
      assert.deepEqual(outcomes, Array(10).fill(['worker-lost', 'store-closed']).flat());
      await page.close();
    });

    test('a_worker_that_is_not_there_is_an_error_that_says_what_to_do', async () => {
      const page = await tabs.open();
      const message = await page.evaluate(async () => {
        const worker = () => new Worker('/host-browser/dist/nowhere.js', { type: 'module' });
        try {
          await cu.open('unavailable', { worker });
          return 'opened';
        } catch (error) {
          return `${(error as { code: string }).code}: ${(error as Error).message}`;
        }
      });
      assert.match(message, /^worker-unavailable: .*serve worker\.js .*\{ worker: false \}\.$/);
      await page.close();
    });

    test('functions_of_the_page_run_in_the_page_and_are_refused_with_a_worker', async () => {
      const page = await tabs.open();
      const outcomes = await page.evaluate(async () => {
        const functions = { title: () => document.title };
        const db = await cu.open('functions', { functions });
        const options = { worker: true, functions };
        return [await db.eval('return host.title()'), await store.outcome(cu.open('functions', options))];
      });
      assert.deepEqual(outcomes, [['ready'], 'invalid-argument']);
      await page.close();
    });

    test('bytes_that_are_handed_over_stay_the_callers', async () => {
      const page = await tabs.open();
      const outcomes = await page.evaluate(async () => {
        const db = await cu.open('bytes');
        const key = Uint8Array.of(0, 1, 2, 255).subarray(1);
        const document = Uint8Array.of(0x82, 1, 2);
        await db.raw.documents.put('t', { tag: 'bytes', val: key }, document);
        const many = await Promise.all(Array.from({ length: 300 }, () => db.get('t', key)));
        return [[...key], [...document], many.filter((one) => JSON.stringify(one) === '[1,2]').length];
      });
      assert.deepEqual(outcomes, [[1, 2, 255], [0x82, 1, 2], 300]);
      await page.close();
    });

    test('what_a_listener_throws_ends_what_it_listens_to', async () => {
      const page = await tabs.open();
      const outcome = await page.evaluate(async () => {
        const db = await cu.open('listener');
        await db.put('t', 'k', 1);
        const onProgress = () => {
          throw new RangeError('enough');
        };
        const thrown = await db.exportArchive({ onProgress }).catch((error: unknown) => String(error));
        return [thrown, await db.get('t', 'k')];
      });
      assert.deepEqual(outcome, ['RangeError: enough', 1]);
      await page.close();
    });

    test('a_database_is_closed_and_a_transaction_rolled_back_at_the_end_of_its_block', async () => {
      const page = await tabs.open();
      const outcome = await page.evaluate(async () => {
        const db = await cu.open('block');
        const tx = await db.begin();
        await tx.put('t', 'k', 1);
        await tx[Symbol.asyncDispose]();
        const before = await db.get('t', 'k');
        await db[Symbol.asyncDispose]();
        return [before === undefined, await store.outcome(db.get('t', 'k'))];
      });
      assert.deepEqual(outcome, [true, 'store-closed']);
      await page.close();
    });
  },
  ['worker'],
);

for (const name of names) {
  test(`a_policy_without_workers_is_an_error_and_the_page_can_do_without (${name})`, async (t) => {
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'";
    const { browser, server } = await alone(t, name, { policy });
    const page = await openPage(browser, server);
    const outcomes = await page.evaluate(async () => {
      const refused = await store.outcome(cu.open('policy'));
      const db = await cu.open('policy', { worker: false });
      return [refused, await db.eval('return 1 + 1')];
    });
    assert.deepEqual(outcomes, ['worker-unavailable', [2]]);
  });
}
