import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Entries } from '../../src/store/entries.ts';
import { Mirror } from '../../src/store/mirror.ts';
import { packEntries } from '../../src/store/pack.ts';
import type { LogRecord } from '../../src/store/record.ts';
import {
  compact,
  type Directory,
  emptyDirectory,
  foldRecords,
  readSegment,
} from '../../src/store/segments.ts';
import { advance, type State } from '../../src/store/state.ts';
import { Random } from './random.ts';

const NONE = new Uint8Array(0);

function writes(random: Random, count: number, space: number, deletions: number): Entries {
  const numbers = new Set(Array.from({ length: count }, () => random.below(space)));
  return Entries.parse(
    packEntries(
      [...numbers]
        .sort((left, right) => left - right)
        .map((number) => {
          const key = new Uint8Array(4);
          new DataView(key.buffer).setUint32(0, number);
          return [key, random.below(100) < deletions ? null : random.bytes(200 + random.below(800))] as const;
        }),
    ),
  );
}

const content = ({ mirror }: State) => mirror.scan(NONE, NONE, false, 1e9, 1e9);

test('segments_and_the_log_after_them_give_what_the_whole_log_gives', async () => {
  const random = new Random(6);
  const stored = new Map<number, Uint8Array>();
  let directory: Directory = emptyDirectory;
  let state: State = { mirror: Mirror.empty, version: 0 };
  for (let round = 0; round < 12; round++) {
    const log: LogRecord[] = [];
    const deletions = round === 9 ? 100 : 20;
    for (let step = 0; step < 3; step++) {
      const version = state.version + 1;
      log.push({
        first: version,
        version,
        runs: [writes(random, round % 3 === 0 ? 1000 : 5, 4000, deletions)],
      });
      state = advance(state, log)!;
    }
    const compaction = await compact(directory, log, state.mirror, state.version);
    for (const id of compaction.removed) assert.ok(stored.delete(id));
    for (const { id, stored: bytes } of compaction.added) stored.set(id, bytes);
    directory = compaction.directory;
    assert.deepEqual([...stored.keys()].sort(), directory.segments.map(({ id }) => id).sort());
    const runs = await Promise.all(directory.segments.map((info) => readSegment(info, stored.get(info.id))));
    const loaded = { mirror: Mirror.load(runs), version: directory.version };
    assert.deepEqual(content(loaded), content(state));
    assert.equal(loaded.version, state.version);
  }
});

test('folded_records_give_what_they_gave_one_by_one', () => {
  const random = new Random(7);
  let state: State = { mirror: Mirror.empty, version: 0 };
  const log: LogRecord[] = [];
  const states = [state];
  for (let version = 1; version <= 10; version++) {
    log.push({ first: version, version, runs: [writes(random, 30, 60, 40)] });
    state = advance(state, log)!;
    states.push(state);
  }
  const folded = foldRecords(log.slice(4), state.mirror, state.version);
  assert.deepEqual([folded.first, folded.version], [5, 10]);
  assert.deepEqual(content(advance(states[0]!, [...log.slice(0, 4), folded])!), content(state));
  // Whoever is between the first and the last of them gets there too.
  for (const from of states.slice(4)) assert.deepEqual(content(advance(from, [folded])!), content(state));
});

test('what_does_not_compress_is_stored_as_it_is', async () => {
  const random = new Random(8);
  const noise = Entries.parse(packEntries([[Uint8Array.of(1), random.bytes(10_000)]]));
  const { directory, added } = await compact(emptyDirectory, [], Mirror.load([noise]), 1);
  assert.equal(directory.segments[0]!.compressed, false);
  assert.equal(added[0]!.stored.length, noise.bytes.length);
  const zeros = Entries.parse(packEntries([[Uint8Array.of(1), new Uint8Array(10_000)]]));
  const other = await compact(emptyDirectory, [], Mirror.load([zeros]), 1);
  assert.equal(other.directory.segments[0]!.compressed, true);
  assert.deepEqual(
    (await readSegment(other.directory.segments[0]!, other.added[0]!.stored)).bytes,
    zeros.bytes,
  );
});
