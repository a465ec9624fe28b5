import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes } from '../../src/bytes.ts';
import { differences } from '../../src/store/differences.ts';
import { Entries } from '../../src/store/entries.ts';
import { Mirror } from '../../src/store/mirror.ts';
import { packEntries, unpackEntries } from '../../src/store/pack.ts';
import { Random } from './random.ts';

const NONE = new Uint8Array(0);
const all = (mirror: Mirror) => mirror.scan(NONE, NONE, false, 0xffff_ffff, 0xffff_ffff);

function write(random: Random, mirror: Mirror, count: number, deletions: number): Mirror {
  const writes = new Map<number, [Uint8Array, Uint8Array | null]>();
  for (let index = 0; index < count; index++) {
    const number = random.below(40_000);
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, number);
    writes.set(number, [key, random.below(100) < deletions ? null : random.bytes(random.below(60))]);
  }
  const sorted = [...writes.values()].sort(([left], [right]) => compareBytes(left, right));
  return mirror.apply(Entries.parse(packEntries(sorted)));
}

test('differences_make_one_state_the_other_in_both_directions', () => {
  const random = new Random(11);
  let state = Mirror.empty;
  for (let round = 0; round < 60; round++) {
    const before = state;
    for (let step = random.below(3); step >= 0; step--) {
      state = write(random, state, 1 + random.below(round % 5 === 0 ? 4000 : 40), random.below(100));
    }
    assert.deepEqual(all(before.apply(differences(before, state))), all(state), `forward in round ${round}`);
    assert.deepEqual(all(state.apply(differences(state, before))), all(before), `back in round ${round}`);
  }
  assert.deepEqual(all(state.apply(differences(state, Mirror.empty))), all(Mirror.empty));
});

test('differences_have_nothing_that_is_the_same_in_both', () => {
  const random = new Random(12);
  const before = write(random, Mirror.empty, 20_000, 0);
  assert.equal(differences(before, before).count, 0);
  const key = Uint8Array.of(0, 0, 0, 7, 1);
  const after = before.apply(Entries.parse(packEntries([[key, Uint8Array.of(1)]])));
  assert.deepEqual(unpackEntries(differences(before, after).bytes), [[key, Uint8Array.of(1)]]);
  const rewritten = after.apply(Entries.parse(packEntries([[key, Uint8Array.of(1)]])));
  assert.equal(differences(after, rewritten).count, 0, 'a write of what was there');
});
