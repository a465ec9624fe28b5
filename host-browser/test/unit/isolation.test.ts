/**
 * Random histories of transactions that run at the same time. Each appends its number to lists, and reads others by
 * key, by query and through Lua. Replayed one after the other in the order of their commits, each must have read what
 * was there; one that wrote nothing must have read what was there at some moment since it began.
 * `CU_HISTORIES` is how many.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CuError, open, type Transaction } from '../../src/index.ts';
import { Random } from './random.ts';

const HISTORIES = Number(process.env.CU_HISTORIES ?? 8);
const TRANSACTIONS = 60;
const KEYS = 5;

type Lists = number[][];

interface Done {
  readonly id: number;
  /** How many commits there were when it began. */
  readonly begun: number;
  readonly reads: readonly (readonly [key: number, list: number[]])[];
  readonly appended: readonly number[];
}

/** What a transaction has read, as it was before its own writes. */
function noted(reads: [number, number[]][], own: number) {
  return (key: number, list: readonly number[] | undefined) => {
    reads.push([key, (list ?? []).filter((id) => id !== own)]);
  };
}

async function steps(tx: Transaction, random: Random, id: number): Promise<Omit<Done, 'id' | 'begun'>> {
  const reads: [number, number[]][] = [];
  const note = noted(reads, id);
  const appended: number[] = [];
  for (let left = 1 + random.below(4); left > 0; left--) {
    const key = random.below(KEYS);
    switch (random.below(6)) {
      case 0:
        note(key, (await tx.get<{ ids: number[] }>('lists', key))?.ids);
        break;
      case 1: {
        const rows = await tx.table<{ ids: number[] }>('lists').run();
        const found = new Map(rows.map(([key, { ids }]) => [key, ids]));
        for (let each = 0; each < KEYS; each++) note(each, found.get(each));
        break;
      }
      case 2: {
        const source = 'local list = _home.lists[...]  return list and #list.ids or 0';
        const [length] = await tx.eval(source, [key]);
        const list = (await tx.get<{ ids: number[] }>('lists', key))?.ids ?? [];
        assert.equal(length, list.length, 'Lua and the host read the same');
        note(key, list);
        break;
      }
      default: {
        const list = (await tx.get<{ ids: number[] }>('lists', key))?.ids ?? [];
        note(key, list);
        if (appended.includes(key)) break;
        await tx.put('lists', key, { ids: [...list, id] });
        appended.push(key);
      }
    }
    if (random.below(2) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { reads, appended };
}

function holds(lists: Lists, { reads }: Done): boolean {
  return reads.every(([key, list]) => String(lists[key]) === String(list));
}

test('random_histories_are_serial_in_the_order_of_their_commits', async () => {
  let conflicts = 0;
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const random = new Random(seed);
    const db = await open('histories', { storage: 'memory' });
    await db.createIndex('lists', { name: 'first', fields: [['ids', 1]] });
    const history: Done[] = [];
    let next = 0;
    const worker = async () => {
      while (next < TRANSACTIONS) {
        const id = ++next;
        const begun = history.length;
        const tx = await db.begin();
        const done = { id, begun, ...(await steps(tx, random, id)) };
        try {
          await tx.commit();
          history.push(done);
        } catch (error) {
          assert.equal((error as CuError).code, 'store-conflict');
          conflicts++;
        }
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);

    const states: Lists[] = [Array.from({ length: KEYS }, () => [])];
    for (const [position, done] of history.entries()) {
      const now = states.at(-1)!;
      const where = `seed ${seed}, commit ${position}: ${JSON.stringify(done)} on ${JSON.stringify(now)}`;
      if (done.appended.length > 0) assert.ok(holds(now, done), where);
      else
        assert.ok(
          states.slice(done.begun).some((state) => holds(state, done)),
          where,
        );
      states.push(now.map((list, key) => (done.appended.includes(key) ? [...list, done.id] : list)));
    }
    const stored = await db.getMany<{ ids: number[] }>(
      'lists',
      Array.from({ length: KEYS }, (_, key) => key),
    );
    assert.deepEqual(
      stored.map((list) => list?.ids ?? []),
      states.at(-1),
      `seed ${seed}`,
    );
    await db.close();
  }
  assert.ok(conflicts > 0, 'they did meet');
});
