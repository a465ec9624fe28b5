/** Databases of Node, in files: what is there after closing, crashes and damage, and whose the file is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { Database, open } from '../../src/index.ts';

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'cu-file-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test('what_was_committed_is_there_when_the_file_is_opened_again', async (t) => {
  const directory = await temporary(t);
  const db = await open('a/b', { directory });
  await db.put('t', 1, { a: [1, 2] });
  await db
    .with({ durability: 'strict' })
    .persistFunction('f', 'n', 'local n = 0 return function() n = n + 1 return n end');
  assert.deepEqual(await db.callFunction('f', 'n'), [1]);
  const digest = await db.digest();
  assert.equal((await db.storage()).kind, 'file');
  await db.close();
  assert.deepEqual(await readdir(directory), ['a%2Fb.cu']);
  const again = await open('a/b', { directory });
  assert.deepEqual(await again.digest(), digest);
  assert.deepEqual(await again.callFunction('f', 'n'), [2]);
  await again.close();
  await Database.deleteDatabase('a/b', { directory });
  assert.deepEqual(await readdir(directory), []);
});

test('what_a_crash_has_left_of_the_last_commit_is_cut_off_wherever_it_ended', async (t) => {
  const directory = await temporary(t);
  const path = join(directory, 'torn.cu');
  const db = await open('torn', { directory });
  await db.put('t', 1, 'first');
  const { size } = await stat(path);
  await db.put('t', 2, 'second');
  await db.close();
  const whole = await readFile(path);
  for (let end = size; end < whole.length; end += 7) {
    await writeFile(path, whole);
    await truncate(path, end);
    const torn = await open('torn', { directory });
    assert.deepEqual(await torn.getMany('t', [1, 2]), ['first', undefined]);
    // And goes on from there.
    await torn.put('t', 3, 'third');
    await torn.close();
    const after = await open('torn', { directory });
    assert.deepEqual(await after.getMany('t', [1, 2, 3]), ['first', undefined, 'third']);
    await after.close();
  }
  await writeFile(path, whole);
  // A file system may have made room that was never written.
  await appendFile(path, new Uint8Array(100));
  const padded = await open('torn', { directory });
  assert.deepEqual(await padded.getMany('t', [1, 2]), ['first', 'second']);
  await padded.close();
});

test('damage_before_the_end_is_store_corrupt_and_nothing_is_touched', async (t) => {
  const directory = await temporary(t);
  const path = join(directory, 'damaged.cu');
  const db = await open('damaged', { directory });
  await db.put('t', 1, 'first');
  await db.put('t', 2, 'second');
  await db.close();
  const damaged = await readFile(path);
  damaged[40]! ^= 1;
  await writeFile(path, damaged);
  await assert.rejects(open('damaged', { directory }), { code: 'store-corrupt' });
  assert.deepEqual(await readFile(path), damaged);
  await writeFile(path, 'something else');
  await assert.rejects(open('damaged', { directory }), { code: 'unsupported-format' });
  assert.equal(await readFile(path, 'utf8'), 'something else');
});

test('a_log_that_is_much_longer_than_the_contents_is_written_anew_while_commits_go_on', async (t) => {
  const directory = await temporary(t);
  const db = await open('long', { directory });
  const text = 'x'.repeat(100_000);
  for (let n = 0; n < 200; n++) {
    // Of both kinds, since a file changes hands while either is on its way.
    await db.with({ durability: n % 3 === 0 ? 'strict' : 'relaxed' }).put('t', n % 5, `${n}${text}`);
    await db.put('count', n, n);
  }
  await db.put('t', 'last', 1);
  const digest = await db.digest();
  await db.close();
  const { size } = await stat(join(directory, 'long.cu'));
  assert.ok(size < 15_000_000, `${size} bytes of 20,000,000 written and 500,000 held`);
  const again = await open('long', { directory });
  assert.deepEqual(await again.digest(), digest);
  assert.equal(await again.count({ table: 'count' }), 200);
  await again.close();
  assert.deepEqual(await readdir(directory), ['long.cu']);
});

test('a_file_is_one_process_s_and_free_again_when_that_was_killed', async (t) => {
  const directory = await temporary(t);
  const script = `
    import { open } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)};
    const db = await open('shared', { directory: ${JSON.stringify(directory)} });
    let n = (await db.get('t', 'left')) ?? 0;
    for (;;) {
      n++;
      await db.apply([
        { op: 'put', table: 't', key: 'left', value: n },
        { op: 'put', table: 't', key: n, value: 'x'.repeat(n % 1000) },
        { op: 'put', table: 't', key: 'right', value: n },
      ]);
      console.log(n);
    }`;
  let acknowledged = 0;
  for (let round = 0; round < 5; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const enough = acknowledged + 20 + 17 * round;
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged = Number(line);
      if (acknowledged === enough) {
        await assert.rejects(open('shared', { directory }), { code: 'store-unavailable' });
        child.kill('SIGKILL');
      }
    }
    if (child.signalCode === null) await once(child, 'exit');
    const db = await open('shared', { directory });
    const [left, right] = await db.getMany<number>('t', ['left', 'right']);
    assert.equal(left, right, 'a batch is there as a whole');
    assert.ok(left! >= acknowledged, `${left} of ${acknowledged} acknowledged commits are there`);
    assert.equal(await db.count({ table: 't' }), left! + 2);
    acknowledged = left!;
    await db.close();
  }
});

test('a_directory_that_is_not_there_is_an_error_that_names_the_file', async (t) => {
  const directory = join(await temporary(t), 'nowhere');
  await assert.rejects(open('x', { directory }), { code: 'store-io', message: /nowhere/ });
});
