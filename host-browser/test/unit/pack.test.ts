import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  lengthSize,
  PackError,
  packEntries,
  packKeys,
  Unpacker,
  unpackEntries,
  unpackValues,
  writeLength,
} from '../../src/store/pack.ts';

const bytes = (...values: number[]) => Uint8Array.from(values);

test('entries_come_back_as_they_were_packed', () => {
  const entries: [Uint8Array, Uint8Array | null][] = [
    [bytes(), bytes(1, 2)],
    [bytes(7), null],
    [new Uint8Array(200).fill(9), new Uint8Array(70_000).fill(3)],
    [bytes(8), bytes()],
  ];
  assert.deepEqual(unpackEntries(packEntries(entries)), entries);
});

test('an_empty_value_is_not_an_absent_one', () => {
  assert.deepEqual(packEntries([[bytes(5), bytes()]]), bytes(1, 5, 1));
  assert.deepEqual(packEntries([[bytes(5), null]]), bytes(1, 5, 0));
  assert.deepEqual(unpackValues(bytes(0, 1, 2, 9)), [null, bytes(), bytes(9)]);
});

test('lengths_are_leb128_up_to_32_bits', () => {
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 28, 2 ** 32 - 1]) {
    const packed = new Uint8Array(5);
    const end = writeLength(packed, 0, length);
    assert.equal(end, lengthSize(length));
    assert.equal(new Unpacker(packed.subarray(0, end)).length(), length);
  }
});

test('packed_bytes_that_end_too_early_are_refused', () => {
  const packed = packEntries([[bytes(1, 2, 3), bytes(4, 5)]]);
  for (let end = 1; end < packed.length; end++) {
    assert.throws(() => unpackEntries(packed.subarray(0, end)), PackError, `cut at ${end}`);
  }
  assert.throws(() => new Unpacker(bytes(0xff, 0xff, 0xff, 0xff, 0x7f)).length(), PackError);
});

test('keys_are_packed_one_after_the_other', () => {
  assert.deepEqual(packKeys([bytes(1), bytes(), bytes(2, 3)]), bytes(1, 1, 0, 2, 2, 3));
});
