/** The enhanced interface on IndexedDB: what lasts, and what happens between pages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as Enhanced from '../../src/enhanced/index.ts';
import { executable } from '../harness/index.ts';
import { alone, inEachBrowser, openPage, withScripts } from './browsers.ts';

declare global {
  var enhanced: typeof Enhanced;
}

inEachBrowser(
  'enhanced',
  (tabs) => {
    const { open, reload } = withScripts(tabs, { enhanced: 'enhanced' });

    test('tables_functions_indexes_and_the_audit_log_survive_a_reload', async () => {
      const page = await open();
      const before = await page.evaluate(async () => {
        const lua = await enhanced.EnhancedCuWASM.init({ name: 'survives' });
        await lua.batchTableOperations([
          { type: 'set', table: 'users', key: 'user1', value: { name: 'Ada', age: 36 } },
          { type: 'set', table: '_home', key: 'greeting', value: 'hello' },
        ]);
        await lua.persistFunction('tools', 'next', 'local n = 0 return function() n = n + 1 return n end');
        const index = await lua.createIndex('users', 'age', 'btree');
        lua.eval('_home.tools.next() Memory.users.user1.age = 37');
        return { saved: await lua.saveState(), index, log: lua.auditLog };
      });
      assert.equal(before.saved, true);
      assert.equal(before.log.length, 4);
      await reload(page);
      const after = await page.evaluate(async () => {
        const lua = await new enhanced.EnhancedCuWASM().init({ name: 'survives' });
        return {
          log: lua.auditLog,
          values: lua.eval('return {Memory.users.user1.name, _home.greeting, _home.tools.next()}'),
          found: await lua.queryTable('users', { field: 'age', operator: '=', value: 37 }),
          index: await lua.createIndex('users', 'age', 'btree'),
        };
      });
      assert.deepEqual(after, {
        log: before.log,
        values: ['Ada', 'hello', 2],
        found: [{ name: 'Ada', age: 37 }],
        index: before.index,
      });
      await page.close();
    });

    test('what_eval_writes_is_stored_without_being_asked_and_seen_by_the_typed_interface', async () => {
      const writer = await open();
      const reader = await open();
      const [found] = await Promise.all([
        reader.evaluate(async () => {
          const db = await cu.open('stored');
          for await (const rows of db.live({ table: '_home' })) if (rows.length > 0) return rows;
          return undefined;
        }),
        writer.evaluate(async () => {
          const lua = await enhanced.EnhancedCuWASM.init({ name: 'stored' });
          lua.eval('_home.born = 1815');
        }),
      ]);
      assert.deepEqual(found, [['born', 1815]]);
      await writer.close();
      await reader.close();
    });

    test('a_page_sees_what_another_one_has_stored', async () => {
      const [first, second] = [await open(), await open()];
      const init = async () => {
        kept = { lua: await enhanced.EnhancedCuWASM.init({ name: 'seen' }) } as never;
      };
      await first.evaluate(init);
      await second.evaluate(init);
      await first.evaluate(async () => {
        const { lua } = kept as unknown as { lua: Enhanced.EnhancedCuWASM };
        await lua.batchTableOperations([{ type: 'set', table: 't', key: 'k', value: 'from the first' }]);
      });
      const seen = await second.evaluate(async () => {
        const { lua } = kept as unknown as { lua: Enhanced.EnhancedCuWASM };
        const loaded = await lua.loadState();
        return [loaded, lua.eval('return _home.t.k')];
      });
      assert.deepEqual(seen, [true, 'from the first']);
      await first.close();
      await second.close();
    });

    test('pages_that_change_the_same_lose_none_of_their_changes', async () => {
      const pages = [await open(), await open()];
      await pages[0]!.evaluate(async () => {
        const lua = await enhanced.EnhancedCuWASM.init({ name: 'same' });
        lua.eval('_home.n = 0');
        await lua.close();
      });
      await Promise.all(
        pages.map((page) =>
          page.evaluate(async () => {
            const lua = await enhanced.EnhancedCuWASM.init({ name: 'same' });
            for (let round = 0; round < 40; round++) {
              lua.eval('_home.n = _home.n + 1');
              if (round % 4 === 0) await lua.saveState();
              await lua.batchTableOperations([
                { type: 'set', table: 'rounds', key: `${Math.random()}`, value: round },
              ]);
            }
            await lua.saveState();
          }),
        ),
      );
      const found = await pages[1]!.evaluate(async () => {
        const lua = await enhanced.EnhancedCuWASM.init({ name: 'same' });
        return lua.eval('local n = 0 for _ in pairs(_home.rounds) do n = n + 1 end return {_home.n, n}');
      });
      assert.deepEqual(found, [80, 80]);
      for (const page of pages) await page.close();
    });

    test('without_auto_restore_what_is_stored_stays_until_it_is_replaced', async () => {
      const page = await open();
      const found = await page.evaluate(async () => {
        const { EnhancedCuWASM } = enhanced;
        const read = async () => {
          const lua = await EnhancedCuWASM.init({ name: 'fresh' });
          const value = lua.eval('return {_home.old, _home.new}');
          await lua.close();
          return value;
        };
        const lua = await EnhancedCuWASM.init({ name: 'fresh' });
        lua.eval('_home.old = "old"');
        await lua.close();
        const fresh = await EnhancedCuWASM.init({ name: 'fresh', autoRestore: false });
        const empty = fresh.eval('return _home.old');
        fresh.eval('_home.new = "new"');
        await fresh.batchTableOperations([{ type: 'set', table: 't', key: 'k', value: 1 }]);
        const untouched = await read();
        await fresh.saveState();
        return [empty, untouched, await read()];
      });
      assert.deepEqual(found, [null, ['old'], [null, 'new']]);
      await page.close();
    });

    test('what_can_not_be_stored_rejects_and_is_taken_back', async () => {
      const page = await open();
      const outcome = await page.evaluate(async () => {
        const lua = await enhanced.EnhancedCuWASM.init({ name: 'gone', onError: () => {} });
        await cu.Database.deleteDatabase('gone');
        const codes = (error: Enhanced.EnhancedLuaError) => [error.code, error.details.code];
        const saved = await lua.saveState().then(String, codes);
        const batch = await lua
          .batchTableOperations([{ type: 'set', table: 't', key: 'k', value: 1 }])
          .then(String, codes);
        return [saved, batch, lua.eval('return _home.t'), lua.eval('_home.x = 1 return _home.x')];
      });
      const lost = 'store-lost';
      assert.deepEqual(outcome, [['SAVE_STATE_FAILED', lost], ['BATCH_OPERATION_FAILED', lost], null, 1]);
      await page.close();
    });

    test('what_eval_could_not_store_is_stored_by_the_next_save_once', async () => {
      const page = await open();
      const outcome = await page.evaluate(async () => {
        const errors: string[] = [];
        const onError = (error: Error) => errors.push((error as Enhanced.EnhancedLuaError).code);
        const lua = await enhanced.EnhancedCuWASM.init({ name: 'aborted', onError });
        lua.eval('_home.n = 0');
        await lua.saveState();
        const put = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = function (...args) {
          const request = put.apply(this, args);
          this.transaction.abort();
          return request;
        };
        lua.eval('_home.n = _home.n + 1');
        const batch = await lua
          .batchTableOperations([
            { type: 'set', table: '_home', key: 'n', value: 100 },
            { type: 'set', table: 't', key: 'k', value: 1 },
          ])
          .then(String, (error) => error.details.code);
        lua.eval('_home.n = _home.n + 1');
        const failed = await lua.saveState().then(String, (error) => error.code);
        IDBObjectStore.prototype.put = put;
        lua.eval('_home.n = _home.n + 1');
        const saved = await lua.saveState();
        await lua.close();
        const again = await enhanced.EnhancedCuWASM.init({ name: 'aborted' });
        const failures = again.auditLog.filter(({ outcome }) => outcome === 'failed').map(({ api }) => api);
        return { batch, failed, saved, values: again.eval('return {_home.n, _home.t}'), failures, errors };
      });
      assert.equal(outcome.batch, 'store-io');
      assert.equal(outcome.failed, 'SAVE_STATE_FAILED');
      assert.equal(outcome.saved, true);
      assert.deepEqual(outcome.values, [3], 'the batch that rejected is not there');
      assert.deepEqual(outcome.failures, ['batchTableOperations']);
      assert.ok(outcome.errors.length > 0 && outcome.errors.every((code) => code === 'SAVE_STATE_FAILED'));
      await page.close();
    });
  },
  ['page'],
);

// Only Chromium lets a test set a quota.
test('a_full_quota_keeps_what_eval_wrote_in_memory_until_there_is_room (chromium)', {
  skip: executable('chromium') === undefined,
}, async (t) => {
  const { browser, server } = await alone(t, 'chromium');
  const page = await openPage(browser, server);
  // Before the first use of storage: Chromium remembers for a while how much room there was.
  const devtools = await page.createCDPSession();
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: server.origin, quotaSize: 2_000_000 });
  const refused = await page.evaluate(async () => {
    const built: string = '/host-browser/dist/enhanced.js';
    globalThis.enhanced = await import(built);
    const lua = await enhanced.EnhancedCuWASM.init({ name: 'quota', onError: () => {} });
    kept = { lua } as never;
    // What Chromium can compress counts for less.
    const noise = Array.from({ length: 200_000 }, () => Math.random().toString(36).slice(2)).join('');
    lua.eval(`_home.large = '${noise}'`);
    return lua.saveState().then(String, (error) => [error.code, error.details.code]);
  });
  assert.deepEqual(refused, ['SAVE_STATE_FAILED', 'store-full']);
  await devtools.send('Storage.overrideQuotaForOrigin', { origin: server.origin });
  const bytes = await page.evaluate(async () => {
    const { lua } = kept as unknown as { lua: Enhanced.EnhancedCuWASM };
    // Chromium takes its time to see that there is room.
    let saved: unknown;
    do saved = await lua.saveState().catch(() => new Promise((resolve) => setTimeout(resolve)));
    while (saved !== true);
    await lua.close();
    const again = await enhanced.EnhancedCuWASM.init({ name: 'quota' });
    return again.eval('return #_home.large');
  });
  assert.ok(Number(bytes) > 2_000_000);
});
