import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('database', (tabs) => {
  test('documents_indexes_and_queries_survive_a_reload', async () => {
    const page = await tabs.open();
    const before = await page.evaluate(async () => {
      const db = await cu.open('places');
      await db.apply([
        {
          op: 'put',
          table: 'cities',
          key: 1,
          value: { name: 'Andorra la Vella', country: 'AD', population: 20430 },
        },
        { op: 'put', table: 'cities', key: 2, value: { name: 'Encamp', country: 'AD', population: 11223 } },
        {
          op: 'put',
          table: 'cities',
          key: 'gr',
          value: { name: 'Athens', country: 'GR', population: 664046 },
        },
        { op: 'delete', table: 'cities', key: 3 },
      ]);
      await db.createIndex('cities', 'country');
      await db.createIndex('cities', { fields: ['population'], name: 'by size' });
      await db.put('cities', 9n, { name: 'Canillo', country: 'AD', population: 3292 });
      return Array.from(await db.digest());
    });
    await tabs.reload(page);
    const after = await page.evaluate(async () => {
      const db = await cu.open('places');
      const where = { field: 'country', op: '=', value: 'AD' } as const;
      const sort = [{ field: 'population', descending: true }];
      const scanned: unknown[] = [];
      for await (const [key, city] of db.scan('cities', { start: 2, backward: true }))
        scanned.push([key, city]);
      return {
        digest: Array.from(await db.digest()),
        query: await db.query({ table: 'cities', where, sort, limit: 2 }),
        count: await db.count({ table: 'cities', where }),
        plan: (await db.explain({ table: 'cities', where })).index,
        get: await db.get('cities', 'gr'),
        nothing: (await db.get('cities', 3)) === undefined,
        many: (await db.getMany('cities', [2, 3])).map((city) => city === undefined),
        keys: scanned.map((row) => (row as unknown[])[0]),
        indexes: (await db.indexes('cities')).map(({ name, entries }) => [name, entries]),
        tables: await db.tables(),
        deleted: [await db.delete('cities', 2), await db.delete('cities', 2)],
        dropped: [
          await db.dropIndex('cities', 'by size'),
          await db.dropTable('cities'),
          await db.dropTable('cities'),
        ],
        documents: (await db.stats()).documents,
      };
    });
    assert.deepEqual(after, {
      digest: before,
      query: [
        [1, { name: 'Andorra la Vella', country: 'AD', population: 20430 }],
        [2, { name: 'Encamp', country: 'AD', population: 11223 }],
      ],
      count: 3,
      plan: 'country',
      get: { name: 'Athens', country: 'GR', population: 664046 },
      nothing: true,
      many: [false, true],
      keys: ['gr', 9, 2],
      indexes: [
        ['by size', 4],
        ['country', 4],
      ],
      tables: [{ name: 'cities', documents: 4, indexes: 2 }],
      deleted: [true, false],
      dropped: [true, true, false],
      documents: 0,
    });
    await page.close();
  });

  test('lua_and_persisted_functions_survive_a_reload', async () => {
    const page = await tabs.open();
    const before = await page.evaluate(async () => {
      const lines: string[] = [];
      const db = await cu.open('lua', { onPrint: (text) => lines.push(text) });
      await db.persistFunction('tools', 'next', 'local n = 40 return function(by) n = n + by return n end');
      const results = [
        await db.eval('print("größe", ...) return ..., 2.5, nil, { 1, 2 }', [1]),
        await db.eval('_home.people = { ada = { born = 1815 } } return _home.people.ada.born'),
        await db.callFunction('tools', 'next', [1]),
      ];
      return { results, printed: lines.join('') };
    });
    assert.deepEqual(before, { results: [[1, 2.5, null, [1, 2]], [1815], [41]], printed: 'größe\t1\n' });
    await tabs.reload(page);
    const after = await page.evaluate(async () => {
      const db = await cu.open('lua');
      return {
        call: await db.callFunction('tools', 'next', [1]),
        people: await db.get('people', 'ada'),
        functions: (await db.functions()).map(({ stored, ...info }) => ({ ...info, isNew: stored > 1.7e9 })),
        source: await db.functionSource('tools', 'next'),
        readOnly: await store.outcome(db.eval('_home.people.ada.born = 1816', [], { readOnly: true })),
        reading: await db.eval('return _home.people.ada.born', [], { readOnly: true }),
        deleted: await db.deleteFunction('tools', 'next'),
        gone: await store.outcome(db.callFunction('tools', 'next')),
      };
    });
    assert.deepEqual(after, {
      call: [42],
      people: { born: 1815 },
      functions: [
        { table: 'tools', name: 'next', size: 56, bytecode: false, upvalues: ['n'], names: [], isNew: true },
      ],
      source: 'local n = 40 return function(by) n = n + by return n end',
      readOnly: 'store-read-only',
      reading: [1815],
      deleted: true,
      gone: 'unknown-function',
    });
    await page.close();
  });

  test('errors_have_codes_places_limits_and_tracebacks', async () => {
    const page = await tabs.open();
    const errors = await page.evaluate(async () => {
      const db = await cu.open('errors', { storage: 'memory' });
      await db.put('t', 1, { a: 1 });
      const failure = async (promise: Promise<unknown>) => {
        const error = await promise.then(
          () => undefined,
          (error) => error,
        );
        return [
          error instanceof cu.CuError,
          error.code,
          error.place ?? null,
          error.limit ?? null,
          error.message.length > 10,
        ];
      };
      const script = await db.eval('local x = nil\nreturn x.y').catch((error) => error);
      return {
        table: await failure(db.query({ table: 'nowhere' })),
        name: await failure(db.put('a/b', 1, 1)),
        key: await failure(db.put('t', 1.5, 1)),
        value: await failure(db.put('t', 1, { at: new Date() as unknown as null })),
        query: await failure(db.query({ table: 't', where: { field: 'a', op: '~' as '=', value: 1 } })),
        batch: await failure(
          db.apply([
            { op: 'put', table: 't', key: 2, value: 1 },
            { op: 'put', table: 't', key: '', value: 1 },
          ]),
        ),
        limit: await failure(db.eval('while true do end', [], { instructions: 10_000 })),
        syntax: await failure(db.eval('return +')),
        script: [script.code, /eval:2:/.test(script.message), typeof script.traceback],
        database: await failure(cu.open('')),
        control: await failure(cu.open('a\0b')),
        long: await failure(cu.open('x'.repeat(129))),
        option: await failure(cu.open('x', { durability: 'maybe' as 'strict' })),
        unchanged: await db.count({ table: 't' }),
      };
    });
    assert.deepEqual(errors, {
      table: [true, 'unknown-table', 'table', null, true],
      name: [true, 'invalid-argument', 'table', null, true],
      key: [true, 'invalid-argument', 'key', null, true],
      value: [true, 'invalid-value', 'value.at', null, true],
      query: [true, 'invalid-query', 'where.op', null, true],
      batch: [true, 'invalid-argument', '[1].key', null, true],
      limit: [true, 'limit-exceeded', errors.limit[2], 'instructions', true],
      syntax: [true, 'syntax', null, null, true],
      script: ['script', true, 'string'],
      database: [true, 'invalid-argument', 'name', null, true],
      control: [true, 'invalid-argument', 'name', null, true],
      long: [true, 'invalid-argument', 'name', null, true],
      option: [true, 'invalid-argument', 'durability', null, true],
      unchanged: 1,
    });
    await page.close();
  });

  test('limits_are_kept_in_the_database_and_overridden_by_calls', async () => {
    const page = await tabs.open();
    const seen = await page.evaluate(async () => {
      const db = await cu.open('limits');
      const limitOf = (call: Promise<unknown>) =>
        call.then(
          () => 'none',
          (error) =>
            error.limit === undefined ? error.code : [error.code, error.limit, Number(error.maximum)],
        );
      const before = await db.limits();
      await db.setLimits({ instructions: 20_000, callDepth: 30 });
      const after = await db.limits();
      return {
        before: [before.instructions, before.memory, before.functionSize],
        after: [after.instructions, after.callDepth, after.memory],
        endless: await limitOf(db.eval('while true do end')),
        overridden: await limitOf(db.eval('while true do end', [], { instructions: 5000n })),
        clock: await limitOf(
          db.eval('while true do end', [], { instructions: 1_000_000_000_000, wallClock: 30 }),
        ),
        result: await limitOf(db.eval('return ("x"):rep(100)', [], { resultSize: 50 })),
        refused: await limitOf(db.eval('return 1', [], { memory: 5 })),
        strange: await limitOf(db.setLimits({ memory: 1.5 })),
      };
    });
    assert.deepEqual(seen, {
      before: [1_000_000_000, 67_108_864, 102_400],
      after: [20_000, 30, 67_108_864],
      endless: ['limit-exceeded', 'instructions', 20_000],
      overridden: ['limit-exceeded', 'instructions', 5000],
      clock: ['limit-exceeded', 'wall-clock', 30],
      result: ['limit-exceeded', 'result-size', 50],
      refused: 'invalid-argument',
      strange: 'invalid-argument',
    });
    await page.close();
  });

  test('two_tabs_that_call_lua_at_once_lose_nothing', async () => {
    const [left, right] = await Promise.all([tabs.open(), tabs.open()]);
    const work = async () => {
      const db = await cu.open('lua-tabs');
      for (let round = 0; round < 50; round++) await db.eval('_home.n = (_home.n or 0) + 1');
      return db.close();
    };
    await Promise.all([left.evaluate(work), right.evaluate(work)]);
    const result = await left.evaluate(async () => (await cu.open('lua-tabs')).eval('return _home.n'));
    assert.deepEqual(result, [100]);
    await Promise.all([left.close(), right.close()]);
  });

  test('several_databases_are_open_at_once', async () => {
    const page = await tabs.open();
    const counts = await page.evaluate(async () => {
      const all = await Promise.all(['one', 'two', 'three'].map((name) => cu.open(`several ${name}`)));
      await Promise.all(
        all.flatMap((db, index) => [...'abc'].slice(index).map((key) => db.put('t', key, index))),
      );
      return Promise.all(all.map((db) => db.count({ table: 't' })));
    });
    assert.deepEqual(counts, [3, 2, 1]);
    await page.close();
  });

  test('the_raw_exports_take_and_give_cbor', async () => {
    const page = await tabs.open();
    const results = await page.evaluate(async () => {
      const { raw } = await cu.open('raw', { storage: 'memory' });
      await raw.documents.put('t', { tag: 'text', val: 'k' }, Uint8Array.of(0x82, 1, 2));
      const get = await raw.documents.get('t', { tag: 'text', val: 'k' });
      const page = await raw.documents.scan('t', { backward: false, limit: 10 });
      return [
        Array.from(get!),
        Array.from(page.rows),
        page.next === undefined,
        (await raw.tables.list()).length,
      ];
    });
    assert.deepEqual(results, [[0x82, 1, 2], [0x81, 0x82, 0x61, 0x6b, 0x82, 1, 2], true, 1]);
    await page.close();
  });
});
