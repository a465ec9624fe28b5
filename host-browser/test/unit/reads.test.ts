import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Entries } from '../../src/store/entries.ts';
import { Mirror } from '../../src/store/mirror.ts';
import { packEntries } from '../../src/store/pack.ts';
import { Reads } from '../../src/store/reads.ts';
import { Random } from './random.ts';

const key = (name: string) => new TextEncoder().encode(name);
const NONE = new Uint8Array(0);

function written(mirror: Mirror, entries: Record<string, string | null>): Mirror {
  const sorted = Object.entries(entries).sort(([left], [right]) => (left < right ? -1 : 1));
  const packed = packEntries(sorted.map(([name, value]) => [key(name), value === null ? null : key(value)]));
  return mirror.apply(Entries.parse(packed));
}

const base = written(Mirror.empty, { b: '1', d: '1', f: '1', h: '1' });

/** Whether what `read` reads of the base is the same after the writes. */
function holds(read: (reads: Reads) => void, writes: Record<string, string | null>): boolean {
  const reads = new Reads(base);
  read(reads);
  return reads.holdIn(written(base, writes));
}

const page =
  (start: string, end: string, backward: boolean, entries: number, bytes = 1000) =>
  (reads: Reads) =>
    reads.scan(
      key(start),
      key(end),
      backward,
      base.scan(key(start), key(end), backward, entries, bytes),
      entries,
      bytes,
    );

test('a_key_that_was_read_must_be_as_it_was', () => {
  const read = (reads: Reads) => {
    reads.key(key('b'));
    reads.key(key('c'));
    reads.keys(Uint8Array.of(1, 'h'.charCodeAt(0)));
  };
  assert.equal(holds(read, { d: '2', a: '1', bb: '1', f: null }), true);
  assert.equal(holds(read, { b: '1' }), true, 'the same value again is no change');
  assert.equal(holds(read, { b: '2' }), false);
  assert.equal(holds(read, { b: null }), false);
  assert.equal(holds(read, { c: '' }), false, 'what was absent is there');
  assert.equal(holds(read, { h: '2' }), false);
});

test('a_range_that_was_read_must_be_as_it_was_as_far_as_its_pages_reached', () => {
  assert.equal(holds(page('b', 'g', false, 10), { a: '1', g: '1', h: null }), true);
  assert.equal(holds(page('b', 'g', false, 10), { fz: '1' }), false, 'a phantom behind the last entry');
  assert.equal(holds(page('b', 'g', false, 10), { d: null }), false);
  assert.equal(holds(page('b', 'g', false, 2), { e: '1', f: '2' }), true, 'the page ended at d');
  assert.equal(holds(page('b', 'g', false, 2), { d: '2' }), false);
  assert.equal(holds(page('b', 'g', false, 2), { c: '2' }), false);
  assert.equal(holds(page('b', 'g', true, 2), { c: '1', b: '2' }), true, 'the page ended at d, too');
  assert.equal(holds(page('b', 'g', true, 2), { ff: '2' }), false);
  assert.equal(holds(page('b', 'g', false, 10, 1), { c: '1', d: '2' }), true, 'it was long enough with b');
  assert.equal(holds(page('b', 'g', false, 10, 1), { b: '2' }), false);
  assert.equal(holds(page('i', '', false, 10), { x: '1' }), false, 'an empty range has no end');
  assert.equal(holds(page('i', '', false, 10), { a: '1' }), true);
});

test('a_count_must_be_what_it_was', () => {
  const read = (reads: Reads) => reads.count(key('c'), NONE);
  assert.equal(holds(read, { d: '2', e: '1', f: null }), true);
  assert.equal(holds(read, { e: '1' }), false);
  assert.equal(holds(read, { a: '1' }), true);
});

test('many_keys_are_all_looked_at', () => {
  const names = Array.from({ length: 3000 }, (_, n) => `key ${n}`);
  const reads = new Reads(base);
  for (const name of names) reads.key(key(name));
  reads.key(new Uint8Array(9000));
  assert.equal(reads.holdIn(written(base, { other: '1' })), true);
  for (const name of ['key 0', 'key 1500', 'key 2999', '\0'.repeat(9000)]) {
    assert.equal(reads.holdIn(written(base, { [name]: '1' })), false, name);
  }
});

test('ranges_are_the_same_if_and_only_if_their_entries_are_however_the_trees_came_to_be', () => {
  const random = new Random(7);
  for (let round = 0; round < 60; round++) {
    const contents: Record<string, string> = {};
    for (let n = random.below(3000); n > 0; n--)
      contents[`k${random.below(5000)}`] = 'v'.repeat(random.below(40));
    const left = written(Mirror.empty, contents);
    // The same contents in another order of writing have other leaves.
    const names = Object.keys(contents);
    let right = Mirror.empty;
    for (let at = 0; at < names.length; at += 97) {
      const part = names.slice(at, at + 97).map((name) => [name, contents[name]!]);
      right = written(right, Object.fromEntries(part));
    }
    assert.equal(left.sameIn(right, NONE, NONE), true);
    const changed = `k${random.below(5000)}`;
    const other = written(random.below(2) === 0 ? left : right, { [changed]: 'changed' });
    for (let probe = 0; probe < 20; probe++) {
      const [start, end] = [`k${random.below(5000)}`, `k${random.below(5000)}`].sort() as [string, string];
      assert.equal(
        left.sameIn(other, key(start), key(end)),
        changed < start || changed >= end,
        `${changed} from ${start} to ${end}`,
      );
    }
    assert.equal(left.sameIn(other, NONE, NONE), false);
    assert.equal(left.sameIn(other, key(changed), key(`${changed}\0`)), false);
  }
});
