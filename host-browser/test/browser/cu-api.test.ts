/** The module `cu` 2.1 on IndexedDB, and the migration of what the older module itself has left there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type * as CuApi from '../../src/cu-api/index.ts';
import type * as Migration from '../../src/migrate/index.ts';
import { CHUNKS } from '../unit/chunks.ts';
import { inEachBrowser, withScripts } from './browsers.ts';
import { leaveOlder, type OlderTables } from './older.ts';

declare global {
  var api: typeof CuApi;
  var migration: typeof Migration;
}

/** What the older module writes for a database with values, tables in tables and functions. */
const OLDER: OlderTables = {
  1: {
    greeting: '040500000068656c6c6f',
    count: '022a00000000000000',
    ratio: '03000000000000e03f',
    double: `05${le32(CHUNKS.double.length / 2)}${CHUNKS.double}`,
    users: '0703000000',
  },
  2: {},
  3: { ada: '0704000000', '7': '0101' },
  4: {
    name: '0403000000416461',
    tags: '0705000000',
    shout: `05${le32(CHUNKS.upper.length / 2)}${CHUNKS.upper}`,
  },
  5: { '1': '04010000006d', '2': '040100000070' },
};

function le32(number: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(number);
  return bytes.toString('hex');
}

inEachBrowser(
  'cu 2.1',
  (tabs) => {
    const { open, reload } = withScripts(tabs, { api: 'cu-api', migration: 'migrate' });

    test('a_program_for_the_older_module_runs_and_finds_what_it_saved_after_a_reload', async () => {
      const page = await open();
      const first = await page.evaluate(async () => {
        const cu = api.default;
        await cu.load();
        const ready = cu.init();
        cu.setInput({ names: ['Ada', 'Grace'] });
        const bytes = await cu.compute(`
        print("hello")
        _home.people = {}
        for i, name in ipairs(_io.input.names) do _home.people[i] = name end
        function _home.count() return #_home.people end
        _io.output = {count = _home.count()}
        return _home.people[2]`);
        const read = cu.readResult(cu.getBufferPtr(), bytes);
        return [ready, read, cu.getOutput(), await cu.saveState()];
      });
      assert.deepEqual(first, [0, { output: 'hello\n', result: 'Grace' }, { count: 2 }, true]);
      await page.evaluate(() => api.compute('_home.unsaved = 1'));
      await reload(page);
      const second = await page.evaluate(async () => {
        const cu = api.default;
        await cu.load({ autoRestore: true });
        cu.init();
        const values = await cu.computeValue('return {_home.count(), _home.people[1], _home.unsaved == nil}');
        const cleared = await cu.clearPersistedState();
        await cu.load();
        cu.init();
        const after = await cu.computeValue('return _home.people == nil');
        await cu.load({ autoRestore: false });
        return [values, cleared, after];
      });
      assert.deepEqual(second, [[2, 'Ada', true], true, true]);
      await page.close();
    });

    test('the_page_that_saves_last_replaces_what_another_one_has_saved', async () => {
      const [first, second] = [await open(), await open()];
      const begin = async () => {
        await api.load({ name: 'last' });
        api.init();
      };
      await first.evaluate(begin);
      await second.evaluate(begin);
      await first.evaluate(async () => {
        await api.compute('_home.by = "first" _home.first = true');
        await api.saveState();
      });
      const outcome = await second.evaluate(async () => {
        await api.compute('_home.by = "second"');
        const saved = await api.saveState();
        await api.loadState();
        return [saved, await api.computeValue('return {_home.by, tostring(_home.first)}')];
      });
      assert.deepEqual(outcome, [true, ['second', 'nil']]);
      const seen = await first.evaluate(async () => {
        const before = await api.computeValue('return _home.by');
        await api.loadState();
        return [before, await api.computeValue('return _home.by')];
      });
      assert.deepEqual(seen, ['first', 'second']);
      await first.close();
      await second.close();
    });

    test('what_is_saved_is_a_database_that_open_opens', async () => {
      const page = await open();
      const found = await page.evaluate(async () => {
        await api.load({ name: 'shared' });
        api.init();
        await api.compute('_home.users = {ada = {born = 1815}}  function _home.f(x) return x + 1 end');
        await api.saveState();
        const db = await cu.open('shared');
        const rows = await db.table('users').where('born', '<', 1900).run();
        await db.put('users', 'grace', { born: 1906 });
        await api.loadState();
        return [
          rows,
          await db.callFunction('_home', 'f', [1]),
          await api.computeValue('return _home.users.grace.born'),
        ];
      });
      assert.deepEqual(found, [[['ada', { born: 1815 }]], [2], 1906]);
      await page.close();
    });

    test('the_first_load_takes_over_what_the_older_module_has_saved_and_leaves_it', async () => {
      const page = await open();
      const before = await leaveOlder(page, 'taken', OLDER);
      const values = () =>
        page.evaluate(async () => {
          await api.load({ name: 'taken' });
          api.init();
          const code = `return {_home.greeting, _home.count, _home.ratio, _home.double(4), _home.users[7], _home.users.ada.name,
          _home.users.ada.tags[2], _home.users.ada.shout("a")}`;
          return api.computeValue(code);
        });
      const expected = ['hello', 42, 0.5, 8, true, 'Ada', 'p', 'A!'];
      assert.deepEqual(await values(), expected);
      const after = await page.evaluate(async () => {
        const kept = await store.dump('taken');
        await api.compute('_home.greeting = "changed"');
        await api.saveState();
        await migration.deleteOlder('taken');
        return kept;
      });
      assert.equal(after, before);
      await reload(page);
      assert.deepEqual(await values(), ['changed', ...expected.slice(1)]);
      await page.close();
    });

    test('migrate_fills_a_database_and_leaves_the_older_one_until_it_is_deleted', async () => {
      const page = await open();
      const before = await leaveOlder(page, 'older', OLDER);
      const found = await page.evaluate(async () => {
        const { inspect, migrate, deleteOlder } = migration;
        const looked = await inspect({ from: 'older' });
        const db = await cu.open('filled');
        const steps: number[] = [];
        const report = await migrate(db, {
          from: 'older',
          onProgress: ({ done, total }) => steps.push(done / total),
        });
        const values = await db.eval('return _home.double(2), _home.users.ada.shout("x"), _home.users[7]');
        const functions = (await db.functions()).map(({ table, name, bytecode }) => [table, name, bytecode]);
        const kept = await store.dump('older');
        const again = await migrate(db, { from: 'older' }).catch((error) => error.code);
        await deleteOlder('older');
        await deleteOlder('older');
        const gone = [
          (await inspect({ from: 'older' })) === undefined,
          await migrate(db, { from: 'older' }).catch((error) => error.code),
        ];
        const names = await store.databaseNames();
        return {
          looked,
          report,
          last: steps.at(-1),
          values,
          functions,
          kept,
          again,
          gone,
          left: names.includes('older'),
        };
      });
      const counts = { tables: 1, documents: 5, functions: 2, problems: [] };
      assert.deepEqual(found, {
        looked: counts,
        report: counts,
        last: 1,
        values: [4, 'X!', true],
        functions: [
          ['_home', 'double', true],
          ['users', 'ada.shout', true],
        ],
        kept: before,
        again: 'not-empty',
        gone: [true, 'not-found'],
        left: false,
      });
      await page.close();
    });

    test('a_migration_that_can_not_be_complete_writes_nothing_unless_it_is_told_to', async () => {
      const page = await open();
      await leaveOlder(page, 'broken', {
        1: { fine: '0101', forged: '05040000001b4c7561', self: '0701000000' },
      });
      const found = await page.evaluate(async () => {
        const { migrate } = migration;
        const db = await cu.open('rescued');
        const refused = await migrate(db, { from: 'broken' }).catch((error) => [
          error instanceof migration.MigrationError && error.code,
          error.problems.map(({ path }: { path: string }) => path),
        ]);
        const nothing = await db.tables();
        const report = await migrate(db, { from: 'broken', skipProblems: true });
        const foreign = await cu
          .open('other')
          .then(() => migrate(db, { from: 'cu:other', merge: true }).catch((error) => error.code));
        return [refused, nothing, report.problems.length, await db.get('_home', 'fine'), foreign];
      });
      assert.deepEqual(found, [['incomplete', ['_home.self', '_home.forged']], [], 2, true, 'foreign']);
      await page.close();
    });

    test('the_module_runs_where_storage_is_refused_and_says_that_it_can_not_save', async () => {
      const page = await open();
      const outcome = await page.evaluate(async () => {
        Object.defineProperty(globalThis, 'indexedDB', { value: undefined });
        await api.load({ name: 'refused' });
        api.init();
        return [await api.computeValue('_home.x = 1 return _home.x'), await api.saveState()];
      });
      assert.deepEqual(outcome, [1, false]);
      await page.close();
    });
  },
  ['worker'],
);
