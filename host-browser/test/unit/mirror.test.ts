import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes } from '../../src/bytes.ts';
import { Entries } from '../../src/store/entries.ts';
import { Mirror } from '../../src/store/mirror.ts';
import { PackError, packEntries, packKeys, unpackEntries, unpackValues } from '../../src/store/pack.ts';
import { Random } from './random.ts';

const NONE = new Uint8Array(0);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

/** The same thing done simply: what the mirror must agree with. */
class Model {
  readonly entries = new Map<string, Uint8Array>();

  apply(writes: readonly [Uint8Array, Uint8Array | null][]): void {
    for (const [key, value] of writes) {
      if (value === null) this.entries.delete(hex(key));
      else this.entries.set(hex(key), value);
    }
  }

  range(start: Uint8Array, end: Uint8Array): [string, string][] {
    return [...this.entries]
      .map(([key, value]) => [unhex(key), value] as const)
      .filter(([key]) => compareBytes(key, start) >= 0 && (end.length === 0 || compareBytes(key, end) < 0))
      .sort(([left], [right]) => compareBytes(left, right))
      .map(([key, value]) => [hex(key), hex(value)]);
  }
}

function writesOf(random: Random, space: number, count: number, deletions: number) {
  const writes = new Map<string, [Uint8Array, Uint8Array | null]>();
  for (let index = 0; index < count; index++) {
    const number = random.below(space);
    const key = new Uint8Array(2 + (number % 5));
    new DataView(key.buffer).setUint16(0, number);
    const value = random.below(100) < deletions ? null : random.bytes(random.below(60));
    writes.set(hex(key), [key, value]);
  }
  return [...writes.values()].sort(([left], [right]) => compareBytes(left, right));
}

const parse = (writes: Iterable<readonly [Uint8Array, Uint8Array | null]>) =>
  Entries.parse(packEntries(writes));
const readable = (page: Uint8Array) => unpackEntries(page).map(([key, value]) => [hex(key), hex(value!)]);

for (const [name, space, size, deletions] of [
  ['growing', 60_000, 400, 5],
  ['shrinking', 3_000, 300, 70],
  ['churning', 500, 40, 40],
] as const) {
  test(`a_${name}_mirror_agrees_with_a_sorted_map`, () => {
    const random = new Random(size);
    const model = new Model();
    let mirror = Mirror.empty;
    for (let round = 0; round < 60; round++) {
      const writes = writesOf(random, space, size, deletions);
      model.apply(writes);
      mirror = mirror.apply(parse(writes));
      assert.equal(mirror.entries, model.entries.size);
      const bounds = [random.bytes(2), random.bytes(2)].sort(compareBytes);
      const start = round % 3 === 0 ? NONE : bounds[0]!;
      const end = round % 4 === 0 ? NONE : bounds[1]!;
      const expected = model.range(start, end);
      assert.deepEqual(readable(mirror.scan(start, end, false, 1e6, 1e9)), expected);
      assert.deepEqual(readable(mirror.scan(start, end, true, 1e6, 1e9)), expected.toReversed());
      assert.equal(mirror.count(start, end), expected.length);
      const keys = writes.map(([key]) => key);
      const found = unpackValues(mirror.getMany(packKeys(keys)));
      keys.forEach((key, index) => {
        const value = model.entries.get(hex(key));
        assert.deepEqual(found[index], value ?? null);
        assert.deepEqual(mirror.get(key), value);
      });
    }
  });
}

test('keys_that_begin_alike_and_entries_longer_than_a_leaf_are_found_all_the_same', () => {
  const random = new Random(9);
  const model = new Model();
  let mirror = Mirror.empty;
  // Few different bytes: many keys are the beginning of others, and end in zeros.
  const makeKey = () => {
    const key = new Uint8Array(1 + random.below(14)).fill(7, 0, 8);
    for (let at = 4; at < key.length; at++) key[at] = random.below(3) * 127;
    return key;
  };
  for (let round = 0; round < 40; round++) {
    const writes = new Map<string, [Uint8Array, Uint8Array | null]>();
    for (let index = 0; index < 150; index++) {
      const key = makeKey();
      const size = random.below(50) === 0 ? random.below(30_000) : random.below(90);
      writes.set(hex(key), [key, random.below(4) === 0 ? null : random.bytes(size)]);
    }
    const sorted = [...writes.values()].sort(([left], [right]) => compareBytes(left, right));
    model.apply(sorted);
    mirror = mirror.apply(parse(sorted));
    const probes = Array.from({ length: 200 }, makeKey);
    const found = unpackValues(mirror.getMany(packKeys(probes)));
    probes.forEach((key, index) => {
      assert.deepEqual(found[index], model.entries.get(hex(key)) ?? null, hex(key));
    });
    const [start] = probes;
    assert.equal(mirror.count(start!, NONE), model.range(start!, NONE).length, hex(start!));
  }
  assert.deepEqual(readable(mirror.scan(NONE, NONE, false, 1e6, 1e9)), model.range(NONE, NONE));
});

test('an_older_state_does_not_change_when_a_newer_one_is_made', () => {
  const random = new Random(1);
  const before = Mirror.empty.apply(parse(writesOf(random, 5000, 3000, 0)));
  const content = before.scan(NONE, NONE, false, 1e6, 1e9).slice();
  let after = before;
  for (let round = 0; round < 50; round++) after = after.apply(parse(writesOf(random, 5000, 100, 50)));
  assert.deepEqual(before.scan(NONE, NONE, false, 1e6, 1e9), content);
});

test('loading_sorted_runs_gives_what_applying_them_gives', () => {
  const writes = writesOf(new Random(2), 60_000, 20_000, 0);
  const half = Math.floor(writes.length / 2);
  const loaded = Mirror.load([parse(writes.slice(0, half)), parse(writes.slice(half))]);
  const applied = Mirror.empty.apply(parse(writes));
  assert.deepEqual(loaded.scan(NONE, NONE, false, 1e6, 1e9), applied.scan(NONE, NONE, false, 1e6, 1e9));
  assert.equal(loaded.bytes, packEntries(writes).length);
});

test('a_page_ends_with_the_entry_that_fills_it', () => {
  const writes = Array.from({ length: 5000 }, (_, number) => {
    const key = new Uint8Array(2);
    new DataView(key.buffer).setUint16(0, number);
    return [key, new Uint8Array(16)] as const;
  });
  // An entry is 3 + 17 bytes.
  const mirror = Mirror.empty.apply(parse(writes));
  for (const backward of [false, true]) {
    assert.equal(unpackEntries(mirror.scan(NONE, NONE, backward, 7, 1e9)).length, 7);
    assert.equal(unpackEntries(mirror.scan(NONE, NONE, backward, 0, 1e9)).length, 1);
    assert.equal(unpackEntries(mirror.scan(NONE, NONE, backward, 1e6, 0)).length, 1);
    for (const entries of [1, 2, 399, 400, 401, 1000]) {
      for (const [limit, expected] of [
        [entries * 20, entries],
        [entries * 20 - 1, entries],
        [entries * 20 + 1, entries + 1],
      ] as const) {
        assert.equal(mirror.scan(NONE, NONE, backward, 1e6, limit).length, expected * 20);
      }
    }
  }
});

test('writes_whose_keys_do_not_ascend_are_refused', () => {
  const key = (byte: number) => Uint8Array.of(byte);
  assert.throws(
    () =>
      parse([
        [key(2), NONE],
        [key(1), NONE],
      ]),
    PackError,
  );
  assert.throws(
    () =>
      parse([
        [key(1), NONE],
        [key(1), NONE],
      ]),
    PackError,
  );
});

test('deleting_everything_leaves_an_empty_mirror', () => {
  const writes = writesOf(new Random(3), 60_000, 20_000, 0);
  const mirror = Mirror.empty.apply(parse(writes)).apply(parse(writes.map(([key]) => [key, null] as const)));
  assert.equal(mirror.entries, 0);
  assert.equal(mirror.bytes, 0);
  assert.deepEqual(mirror.scan(NONE, NONE, false, 10, 1e6), NONE);
});
