import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser(
  'log and segments',
  (tabs) => {
    for (const [what, thresholds] of [
      ['compaction', { logBytes: 2_000 }],
      ['folding', { logBytes: 1e9, logRecords: 4 }],
      ['both', { logBytes: 20_000, logRecords: 4 }],
    ] as const) {
      test(`${what}_changes_nothing_that_can_be_read`, async () => {
        const page = await tabs.open();
        const [rounds, info] = await page.evaluate(
          async (name, limits) => {
            const random = (limit: number) => Math.floor(Math.random() * limit);
            const model: Record<string, string> = {};
            const same = (entries: Record<string, string>) =>
              JSON.stringify(Object.entries(entries).sort()) === JSON.stringify(Object.entries(model).sort());
            const rounds: boolean[] = [];
            let info: unknown;
            for (let round = 0; round < 4; round++) {
              const db = await store.TextStore.open(name, 'relaxed', limits);
              rounds.push(same(await db.entries()));
              for (let step = 0; step < 25; step++) {
                const writes: Record<string, string | null> = {};
                for (let count = random(40); count >= 0; count--) {
                  const key = `key ${random(300)}`;
                  const value = random(4) === 0 ? null : 'v'.repeat(random(200)) + step;
                  writes[key] = value;
                  if (value === null) delete model[key];
                  else model[key] = value;
                }
                await db.write(writes);
                if (step % 5 === 0) await db.tidied();
              }
              await db.tidied();
              await db.close();
              info = db.info;
            }
            rounds.push(same(await (await store.TextStore.open(name, 'relaxed', limits)).entries()));
            return [rounds, info as typeof store.TextStore.prototype.info] as const;
          },
          `tidy-${what}`,
          thresholds,
        );
        assert.deepEqual(rounds, [true, true, true, true, true]);
        if (what === 'compaction')
          assert.ok(info.segments > 0 && info.logBytes < 10_000, JSON.stringify(info));
        if (what === 'folding') assert.ok(info.segments === 0 && info.logRecords < 10, JSON.stringify(info));
        await page.close();
      });
    }

    test('a_hundred_kilobytes_of_source_take_less_once_they_have_left_the_log', async () => {
      const page = await tabs.open();
      const [size, storage, sum] = await page.evaluate(async () => {
        const db = await cu.open('sources');
        let source = 'function(x)';
        for (let line = 0; source.length < 100_000; line++) source += `\n-- adds ${(line * 7919) % 10_000}`;
        source += '\nreturn x end';
        for (let number = 0; number < 45; number++) await db.persistFunction('large', `f${number}`, source);
        // Closing waits for what tidies up.
        await db.close();
        const again = await cu.open('sources');
        const [sum] = await again.callFunction('large', 'f44', [1]);
        return [source.length, await again.storage(), typeof sum] as const;
      });
      const { compression } = storage;
      assert.ok(compression.segments > 0 && compression.before > 35 * size, JSON.stringify(storage));
      assert.ok(compression.after < compression.before / 2, JSON.stringify(storage));
      assert.equal(sum, 'number');
      await page.close();
    });

    test('tidying_up_waits_for_a_pause_but_not_for_ever', async () => {
      const page = await tabs.open();
      const [waiting, begun] = await page.evaluate(async () => {
        const open = (latest: number) =>
          store.TextStore.open(`pause ${latest}`, 'relaxed', { logBytes: 0, quiet: 1e6, latest });
        const write = (db: Awaited<ReturnType<typeof open>>) => db.write({ a: 'x'.repeat(1000) });
        const hasty = await open(0);
        let rounds = 0;
        for (; hasty.info.segments === 0; rounds++) await write(hasty);
        await hasty.close();
        const patient = await open(1e6);
        for (let round = 0; round < 3 * rounds + 10; round++) await write(patient);
        const waiting = patient.info.segments;
        await patient.tidied();
        return [waiting, patient.info.segments];
      });
      assert.deepEqual([waiting, begun], [0, 1]);
      await page.close();
    });

    test('only_segments_that_the_log_touches_are_rewritten', async () => {
      const page = await tabs.open();
      const [before, after, entries] = await page.evaluate(async () => {
        const db = await store.TextStore.open('dirty', 'relaxed', { logBytes: 1_000_000 });
        const bytes = crypto.getRandomValues(new Uint8Array(1000));
        const noise = String.fromCharCode(...bytes.map((byte) => 33 + (byte % 90)));
        const writes: Record<string, string> = {};
        for (let index = 0; index < 4000; index++)
          writes[`k${String(index).padStart(5, '0')}`] = noise + index;
        await db.write(writes);
        await db.tidied();
        await db.close();
        const ids = async () => {
          const raw = await store.rawDatabase('cu:dirty');
          const request = raw.transaction('segments').objectStore('segments').getAllKeys();
          const keys = await new Promise<IDBValidKey[]>((resolve) => {
            request.onsuccess = () => resolve(request.result);
          });
          raw.close();
          return keys;
        };
        const before = await ids();
        const again = await store.TextStore.open('dirty', 'relaxed', { logBytes: 0 });
        // A quarter of the contents must be in the log before it is compacted.
        for (let round = 0; round < 4; round++) await again.write({ k00001: noise.repeat(300) + round });
        await again.tidied();
        await again.close();
        const last = await store.TextStore.open('dirty');
        return [before, await ids(), Object.keys(await last.entries()).length] as const;
      });
      const kept = after.filter((id) => before.includes(id));
      assert.ok(before.length >= 7, `${before}`);
      assert.equal(kept.length, before.length - 1, `${before} became ${after}`);
      assert.equal(entries, 4000);
      await page.close();
    });

    test('two_tabs_that_write_and_tidy_up_lose_nothing', async () => {
      const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
      const work = (key: string) =>
        (async () => {
          const db = await store.TextStore.open('tidy-tabs', 'relaxed', { logBytes: 3_000, logRecords: 4 });
          for (let round = 0; round < 150; round++) {
            await db.increment('shared');
            await db.write({ [`${key} ${round}`]: 'x'.repeat(50) });
          }
          await db.close();
        })();
      await Promise.all([left.evaluate(work, 'left'), right.evaluate(work, 'right')]);
      const [shared, count] = await left.evaluate(async () => {
        const db = await store.TextStore.open('tidy-tabs');
        return [await db.read('shared'), Object.keys(await db.entries()).length];
      });
      assert.deepEqual([shared, count], ['300', 301]);
      await Promise.all([left.close(), right.close()]);
    });

    test('a_tab_that_is_behind_a_compaction_reads_everything_anew', async () => {
      const [idle, busy] = await Promise.all([tabs.open(), tabs.open()]);
      await idle.evaluate(async () => {
        const db = await store.TextStore.open('behind');
        await db.write({ a: '1' });
        Object.assign(globalThis.kept, { db });
      });
      await busy.evaluate(async () => {
        const db = await store.TextStore.open('behind', 'relaxed', { logBytes: 0 });
        for (let round = 0; round < 5; round++) await db.write({ [`b${round}`]: 'x'.repeat(1000) });
        await db.tidied();
        await db.close();
      });
      const [count, entries] = await idle.evaluate(async () => {
        const { db } = globalThis.kept as unknown as { db: Awaited<ReturnType<typeof store.TextStore.open>> };
        return [await db.increment('count'), Object.keys(await db.entries())] as const;
      });
      assert.equal(count, 1);
      assert.deepEqual(entries.sort(), ['a', 'b0', 'b1', 'b2', 'b3', 'b4', 'count']);
      await Promise.all([idle.close(), busy.close()]);
    });
  },
  ['page'],
);
