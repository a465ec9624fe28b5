import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('archive', (tabs) => {
  test('an_imported_database_is_the_exported_one_and_survives_a_reload', async () => {
    const page = await tabs.open();
    const exported = await page.evaluate(async () => {
      const db = await cu.open('archive source');
      const text = 'x'.repeat(150_000);
      for (let number = 0; number < 20; number++) await db.put('t', number, { number, text });
      await db.createIndex('t', 'number');
      await db.persistFunction('tools', 'next', 'local n = 0 return function() n = n + 1 return n end');
      await db.callFunction('tools', 'next');
      const digest = Array.from(await db.digest());
      const heard: number[] = [];
      // What is written meanwhile does not show.
      const exporting = db.exportArchive({ onProgress: ({ entries }) => heard.push(entries) });
      const writing = db.put('t', 100, 'later');
      const archive = await exporting;
      await writing;
      const copy = await cu.open('archive copy');
      const read: number[] = [];
      await copy.importArchive(archive, { onProgress: ({ bytes }) => read.push(bytes) });
      return {
        digest,
        copied: Array.from(await copy.digest()),
        pages: [heard.length > 1, read.length === heard.length],
        // Ascending from the first page to the last one.
        sorted: String(heard) === String([...heard].sort((left, right) => left - right)),
        small: archive.size < 100_000,
      };
    });
    assert.deepEqual(exported.copied, exported.digest);
    assert.deepEqual([exported.pages, exported.sorted, exported.small], [[true, true], true, true]);
    await tabs.reload(page);
    const after = await page.evaluate(async () => {
      const copy = await cu.open('archive copy');
      return {
        digest: Array.from(await copy.digest()),
        next: await copy.callFunction('tools', 'next'),
        plan: (await copy.explain({ table: 't', where: { field: 'number', op: '=', value: 3 } })).access,
        count: await copy.count({ table: 't', where: { field: 'number', op: '>', value: 16 } }),
      };
    });
    assert.deepEqual(after, { digest: exported.digest, next: [2], plan: 'index', count: 3 });
  });

  test('a_damaged_archive_is_refused_and_leaves_nothing', async () => {
    const page = await tabs.open();
    const outcome = await page.evaluate(async () => {
      const db = await cu.open('damage source');
      for (let number = 0; number < 50; number++) await db.put('t', number, { number });
      await db.createIndex('t', 'number');
      const archive = new Uint8Array(await (await db.exportArchive()).arrayBuffer());
      const digest = String(await db.digest());
      const copy = await cu.open('damage copy');
      const empty = String(await copy.digest());
      const codes = new Set<string>();
      const wrong: string[] = [];
      const attempt = async (name: string, bytes: Uint8Array<ArrayBuffer>) => {
        try {
          await copy.importArchive(new Blob([bytes]));
          // Nobody reads the date in gzip's header.
          if (String(await copy.digest()) !== digest) wrong.push(`${name} gave another database`);
          await copy.dropTable('t');
        } catch (error) {
          codes.add((error as { code: string }).code);
          if ((await copy.tables()).length > 0) wrong.push(`${name} left something`);
        }
      };
      for (let place = 0; place < archive.length; place += 3) {
        const flipped = archive.slice();
        flipped[place]! ^= 1 << (place % 8);
        await attempt(`a flipped bit at ${place}`, flipped);
        await attempt(`${place} bytes`, archive.slice(0, place));
      }
      await attempt('the whole', archive);
      const fresh = await cu.open('damage fresh');
      const code = async (blob: Blob) =>
        fresh.importArchive(blob).then(
          () => 'imported',
          (error: { code: string }) => error.code,
        );
      const newer = archive.slice();
      newer[7] = 2;
      return {
        codes: [...codes].sort(),
        wrong,
        foreign: await code(new Blob(['something else altogether'])),
        nothing: await code(new Blob([])),
        newer: await code(new Blob([newer])),
        half: await code(new Blob([archive.slice(0, archive.length / 2)])),
        fresh: String(await fresh.digest()) === empty,
      };
    });
    assert.deepEqual(outcome, {
      codes: ['corrupt', 'unsupported-format'],
      wrong: [],
      foreign: 'unsupported-format',
      nothing: 'unsupported-format',
      newer: 'unsupported-format',
      half: 'corrupt',
      fresh: true,
    });
  });

  test('an_import_that_ends_early_can_begin_anew', async () => {
    const page = await tabs.open();
    const cancelled = await page.evaluate(async () => {
      const db = await cu.open('cancel source');
      const text = Array.from({ length: 20_000 }, (_, index) => index).join();
      for (let number = 0; number < 30; number++) await db.put('t', number, text);
      const archive = await db.exportArchive();
      const copy = await cu.open('cancel copy');
      const abort = new AbortController();
      const code = await copy
        .importArchive(archive, { signal: abort.signal, onProgress: () => abort.abort() })
        .then(
          () => 'imported',
          (error: { code: string }) => error.code,
        );
      const left = (await copy.stats()).tables;
      const stopped = AbortSignal.abort();
      const unwritten = await db.exportArchive({ signal: stopped }).then(
        () => 'exported',
        (error: { code: string }) => error.code,
      );
      // As if the page had been closed after the first page of the archive.
      const { entries } = await db.raw.archive.exportPage(undefined);
      await copy.raw.archive.importPage(entries);
      return { code, left, unwritten };
    });
    assert.deepEqual(cancelled, { code: 'cancelled', left: 0, unwritten: 'cancelled' });
    await tabs.reload(page);
    const anew = await page.evaluate(async () => {
      const db = await cu.open('cancel source');
      const copy = await cu.open('cancel copy');
      const refused = await copy.put('t', 1, 1).then(
        () => 'written',
        (error: { code: string }) => error.code,
      );
      await copy.importArchive(await db.exportArchive());
      const again = await copy.importArchive(await db.exportArchive()).then(
        () => 'imported',
        (error: { code: string }) => error.code,
      );
      return { refused, again, same: String(await copy.digest()) === String(await db.digest()) };
    });
    assert.deepEqual(anew, { refused: 'incomplete', again: 'already-exists', same: true });
  });
});
