import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { crc32 } from '../../src/store/checksum.ts';
import { Entries } from '../../src/store/entries.ts';
import { Mirror } from '../../src/store/mirror.ts';
import { packEntries } from '../../src/store/pack.ts';
import {
  decodeRecords,
  encodeRecord,
  type LogRecord,
  partsOf,
  RecordError,
  recordSize,
} from '../../src/store/record.ts';
import { advance, emptyState } from '../../src/store/state.ts';
import { Random } from './random.ts';

const random = new Random(5);
const run = (count: number) =>
  Entries.parse(
    packEntries(
      Array.from({ length: count }, (_, index) => [Uint8Array.of(index), random.bytes(50)] as const),
    ),
  );
const record: LogRecord = { first: 3, version: 5, runs: [run(20), run(1), run(40)] };
const content = ({ runs }: LogRecord) => runs.map(({ bytes }) => Buffer.from(bytes).toString('hex'));

test('crc32_has_the_standard_check_value', () => {
  assert.equal(crc32(new TextEncoder().encode('123456789')), 0xcbf43926);
  assert.equal(crc32(new Uint8Array(0)), 0);
});

test('crc32_is_the_one_of_zlib_for_bytes_of_any_length_anywhere', () => {
  for (let length = 0; length < 40; length++) {
    const bytes = random.bytes(length + 5);
    for (const start of [0, 1, 4]) {
      const part = bytes.subarray(start, start + length);
      assert.equal(crc32(part), zlibCrc32(part), `${length} bytes from ${start}`);
    }
  }
});

test('the_size_of_a_record_is_that_of_its_parts', () => {
  for (const runs of [[], [run(1)], Array.from({ length: 9000 }, () => run(5)), [run(200)]]) {
    const parts = [...encodeRecord({ first: 1, version: 1, runs })];
    const record = { first: 1, version: 1, runs };
    assert.equal(
      recordSize(record),
      parts.reduce((size, part) => size + part.length, 0),
    );
    assert.equal(partsOf(record), parts.length);
  }
});

test('a_record_comes_back_whole_or_in_parts', () => {
  for (const partSize of [1e6, 1000, 64, 1]) {
    const parts = [...encodeRecord(record, partSize)];
    assert.equal(parts.length > 1, partSize < 1e6);
    const [decoded] = decodeRecords(parts);
    assert.deepEqual([decoded!.first, decoded!.version], [3, 5]);
    assert.deepEqual(content(decoded!), content(record));
  }
});

test('an_empty_record_holds_the_place_of_its_version', () => {
  const [decoded] = decodeRecords([...encodeRecord({ first: 8, version: 7, runs: [] })]);
  assert.deepEqual(decoded, { first: 8, version: 7, runs: [] });
});

test('a_missing_part_is_noticed', () => {
  const parts = [...encodeRecord(record, 1000)];
  for (let missing = 0; missing < parts.length; missing++) {
    assert.throws(() => decodeRecords(parts.toSpliced(missing, 1)), RecordError, `part ${missing}`);
  }
});

test('every_flipped_bit_is_noticed', () => {
  const [bytes] = encodeRecord({ first: 1, version: 1, runs: [run(2)] });
  for (let bit = 0; bit < bytes!.length * 8; bit++) {
    const damaged = bytes!.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => decodeRecords([damaged]), RecordError, `bit ${bit}`);
  }
});

test('a_gap_between_records_is_noticed_and_an_overlap_is_not_one', () => {
  const one = { first: 1, version: 4, runs: [run(3)] };
  const next = { first: 5, version: 5, runs: [run(5)] };
  const folded = { first: 2, version: 5, runs: [run(7)] };
  assert.equal(advance(emptyState, [one, next])?.version, 5);
  assert.equal(advance(emptyState, [one, folded])?.version, 5);
  assert.equal(advance(emptyState, [next]), undefined);
  assert.equal(advance({ mirror: Mirror.empty, version: 5 }, [one, next])?.mirror.entries, 0);
});
