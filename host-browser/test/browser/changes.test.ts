/** The change feed on IndexedDB, between tabs and across reloads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('change feed', (tabs) => {
  test('changes_are_exact_across_reloads_and_tabs', async () => {
    const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
    await left.evaluate(async () => {
      const db = await cu.open('feed');
      await db.configureFeed();
      await db.put('places', 'cursor', Array.from((await db.feed()).next));
      await db.close();
    });
    const write = async (from: number) => {
      const db = await cu.open('feed');
      for (let key = from; key < from + 30; key++) {
        await db.put('t', key, { key });
        await db.transaction(async (tx) => {
          await tx.put('t', key + 1000, { key });
          await tx.delete('t', key);
        });
      }
      await db.close();
    };
    const writing = right.evaluate(write, 0);
    /** Takes some changes and keeps the place of the last, as a page does that may be closed at any time. */
    const follow = async (wanted: number) => {
      const db = await cu.open('feed');
      const after = new Uint8Array((await db.get('places', 'cursor')) as number[]);
      const seen: string[] = [];
      for await (const { key, before, after: now, cursor } of db.subscribe({ after, tables: ['t'] })) {
        seen.push(`${key} ${before === undefined ? '-' : '+'}${now === undefined ? '-' : '+'}`);
        if (seen.length < wanted) continue;
        await db.put('places', 'cursor', Array.from(cursor));
        break;
      }
      return seen;
    };
    const seen: string[] = [];
    for (let round = 0; round < 3; round++) {
      seen.push(...(await left.evaluate(follow, 15)));
      await tabs.reload(left);
    }
    await writing;
    const rest = left.evaluate(follow, 180 - seen.length);
    await right.evaluate(write, 500);
    seen.push(...(await rest));
    const expected = [0, 500].flatMap((from) =>
      Array.from({ length: 30 }, (_, at) => [
        `${from + at} -+`,
        // A transaction's changes come in the order of their keys.
        `${from + at} +-`,
        `${from + at + 1000} -+`,
      ]).flat(),
    );
    assert.deepEqual(seen, expected);
    await Promise.all([left.close(), right.close()]);
  });
});
