import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('index', (tabs) => {
  test('an_index_is_built_in_steps_beside_other_calls_and_goes_on_after_a_reload', async () => {
    const page = await tabs.open();
    const begun = await page.evaluate(async () => {
      const db = await cu.open('steps');
      await db.eval('_home.t = {}  for i = 1, 12000 do _home.t[i] = {n = i % 100} end');
      const steps: number[] = [];
      // A page that is closed in between is one that stops calling.
      await new Promise<void>((closed) => {
        const onProgress = ({ done }: { done: number }) => {
          steps.push(done);
          if (steps.length === 2) void db.close().then(closed);
        };
        db.createIndex('t', 'n', { onProgress }).catch(() => {});
      });
      return steps;
    });
    assert.deepEqual(begun, [4096, 8192]);
    await tabs.reload(page);
    const after = await page.evaluate(async () => {
      const db = await cu.open('steps');
      const listed = (await db.indexes('t')).length;
      await db.put('t', 20_000, { n: 3 });
      const steps: number[] = [];
      const writes: Promise<void>[] = [];
      const made = await db.createIndex('t', 'n', {
        onProgress: ({ done }) => {
          steps.push(done);
          writes.push(db.put('t', steps.length, { n: 3 }));
        },
      });
      await Promise.all(writes);
      const where = { field: 'n', op: '=', value: 3 } as const;
      const count = await db.count({ table: 't', where });
      const plan = await db.explain({ table: 't', where });
      const statistics = await db.indexStatistics('t', 'n');
      await db.dropIndex('t', 'n');
      const scanned = await db.count({ table: 't', where });
      return { listed, first: steps[0], made, count, scanned, access: plan.access, statistics };
    });
    assert.deepEqual([after.listed, after.first], [1, 8192]);
    assert.equal(after.made.entries, 12_001);
    assert.deepEqual(after.made.definition, { kind: 'btree', name: 'n', fields: ['n'] });
    assert.equal(after.access, 'index');
    assert.ok(after.count > 120);
    assert.equal(after.count, after.scanned);
    assert.equal(after.statistics.entries, 12_001);
    // 100, told from 40 documents or so.
    const { distinct = 0 } = after.statistics;
    assert.ok(distinct >= 50 && distinct <= 300, `${distinct}`);
    assert.equal(after.statistics.exact, false);
    await page.close();
  });

  test('an_index_that_is_cancelled_or_fails_leaves_nothing', async () => {
    const page = await tabs.open();
    const found = await page.evaluate(async () => {
      const db = await cu.open('cancelled');
      await db.eval('_home.t = {}  for i = 1, 10000 do _home.t[i] = {n = i} end  _home.t[9000] = {n = 1}');
      const code = (error: { code: string }) => error.code;
      const controller = new AbortController();
      const cancelled = await db
        .createIndex('t', 'n', { signal: controller.signal, onProgress: () => controller.abort() })
        .then(() => 'made', code);
      const left = (await db.indexes('t')).length;
      const unique = { fields: ['n'], unique: true };
      const failed = await db.createIndex('t', unique, { onProgress: () => {} }).then(() => '', code);
      return { cancelled, left, failed, indexes: (await db.indexes('t')).length };
    });
    assert.deepEqual(found, { cancelled: 'cancelled', left: 0, failed: 'already-exists', indexes: 0 });
    await page.close();
  });
});
