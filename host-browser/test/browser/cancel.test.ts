/** Signals of single calls: what is taken back, and what is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inEachBrowser } from './browsers.ts';

inEachBrowser('cancel', (tabs) => {
  test('a_signal_that_is_raised_already_takes_back_every_call_and_nothing_is_done', async () => {
    const page = await tabs.open();
    const { outcomes, causes, same } = await page.evaluate(async () => {
      const db = await cu.open('raised');
      await db.put('t', 1, { n: 1 });
      await db.persistFunction('tools', 'one', 'return function() return 1 end');
      await db.configureFeed();
      const before = String(await db.digest());
      const options = { signal: AbortSignal.abort('enough') };
      const t = db.table('t');
      const all = async (rows: AsyncIterable<unknown>) => {
        for await (const _ of rows);
      };
      const put = { op: 'put', table: 't', key: 2, value: 2 } as const;
      const calls: Record<string, Promise<unknown>> = {
        get: db.get('t', 1, options),
        put: db.put('t', 2, 2, options),
        delete: db.delete('t', 1, options),
        getMany: db.getMany('t', [1], options),
        scan: all(db.scan('t', options)),
        apply: db.apply([put], options),
        applyMany: db.apply(
          Array.from({ length: 1001 }, () => put),
          options,
        ),
        applyStream: db.apply(new Set([put]), options),
        tables: db.tables(options),
        dropTable: db.dropTable('t', options),
        createIndex: db.createIndex('t', 'n', options),
        dropIndex: db.dropIndex('t', 'n', options),
        indexes: db.indexes('t', options),
        indexStatistics: db.indexStatistics('t', 'n', options),
        query: db.query({ table: 't' }, options),
        page: db.page({ table: 't', limit: 1 }, options),
        iterate: all(db.iterate({ table: 't' }, options)),
        iterateGroups: all(db.iterate({ table: 't', groupBy: ['n'] }, options)),
        count: db.count({ table: 't' }, options),
        explain: db.explain({ table: 't' }, options),
        run: t.run(options),
        first: t.first(options),
        countOf: t.count(options),
        pageOf: t.limit(1).page(options),
        iterateOf: all(t.iterate(options)),
        explainOf: t.explain({ ...options, analyze: true }),
        update: t.update({ n: 2 }, options),
        deleteOf: t.delete(options),
        stats: db.stats(options),
        limits: db.limits(options),
        setLimits: db.setLimits({ memory: 10_000_000 }, options),
        digest: db.digest(options),
        eval: db.eval('_home.t[1] = 5', [], options),
        readOnly: db.eval('return 1', [], { ...options, readOnly: true }),
        persistFunction: db.persistFunction('tools', 'two', 'return function() end', options),
        persistBytecode: db.persistBytecode('tools', 'two', new Uint8Array(), options),
        renameFunction: db.renameFunction('tools', 'one', 'tools', 'two', options),
        callFunction: db.callFunction('tools', 'one', [], options),
        functions: db.functions('tools', options),
        functionStatistics: db.functionStatistics(options),
        functionSource: db.functionSource('tools', 'one', options),
        deleteFunction: db.deleteFunction('tools', 'one', options),
        configureFeed: db.configureFeed({ tables: ['u'] }, options),
        dropFeed: db.dropFeed(options),
        feed: db.feed(options),
        changes: db.changes({ after: 1 }, options),
        begin: db.begin(options),
        transaction: db.transaction((tx) => tx.put('t', 2, 2), options),
        with: db.with(options).put('t', 2, 2),
        withIndex: db.with(options).createIndex('t', 'n', { onProgress: () => {} }),
        withTransaction: db.with(options).apply([put], { chunk: 1 }),
        exportArchive: db.exportArchive(options),
        importArchive: db.importArchive(new Blob(['none']), options),
      };
      const outcomes: Record<string, unknown> = {};
      const causes: unknown[] = [];
      for (const [name, call] of Object.entries(calls)) {
        await call.catch((error) => causes.push(error.cause));
        outcomes[name] = await store.outcome(call);
      }
      return { outcomes, causes, same: String(await db.digest()) === before };
    });
    const { importArchive, ...others } = outcomes;
    assert.deepEqual(
      Object.entries(others).filter(([, outcome]) => outcome !== 'cancelled'),
      [],
    );
    // What it was given is no archive; either is right to say.
    assert.ok(['cancelled', 'unsupported-format'].includes(String(importArchive)));
    assert.deepEqual(new Set(causes.slice(0, -1)), new Set(['enough']));
    assert.ok(same);
    await page.close();
  });

  test('a_call_that_waits_behind_others_is_taken_back_and_those_around_it_take_place', async () => {
    const page = await tabs.open();
    const results = await page.evaluate(async () => {
      const db = await cu.open('waits');
      await db.put('t', 1, 0);
      const stop = new AbortController();
      const options = { signal: stop.signal };
      const long = 'local n = 0  for i = 1, 5e6 do n = n + i end  _home.t[1] = n  return n > 0';
      const running = db.eval(long);
      const waiting = [
        db.put('t', 2, 'taken back', options),
        db.eval('_home.t[3] = "taken back"', [], options),
        db.get('t', 1, options),
        db.with(options).apply([{ op: 'put', table: 't', key: 4, value: 'taken back' }]),
      ].map((call) => store.outcome(call));
      const last = db.put('t', 5, 'stays');
      setTimeout(() => stop.abort());
      await last;
      return {
        running: await running,
        waiting: await Promise.all(waiting),
        keys: (await db.query({ table: 't' })).map(([key]) => key),
      };
    });
    assert.deepEqual(results, {
      running: [true],
      waiting: ['cancelled', 'cancelled', 'cancelled', 'cancelled'],
      keys: [1, 5],
    });
    await page.close();
  });

  test('whenever_the_signal_is_raised_the_answer_is_what_has_happened', async () => {
    const page = await tabs.open();
    const { wrong, outcomes } = await page.evaluate(async () => {
      const db = await cu.open('whenever');
      const outcomes = new Set<unknown>();
      let wrong = 0;
      for (let round = 0; round < 40; round++) {
        const stop = new AbortController();
        const call = db.put('t', round, 1, { signal: stop.signal });
        if (round % 4 === 0) stop.abort();
        else if (round % 4 === 1) queueMicrotask(() => stop.abort());
        else if (round % 4 === 2) setTimeout(() => stop.abort());
        const outcome = await store.outcome(call);
        outcomes.add(outcome);
        const isThere = (await db.get('t', round)) === 1;
        if (isThere !== (outcome === undefined)) wrong++;
      }
      return { wrong, outcomes: outcomes.size };
    });
    assert.equal(wrong, 0);
    assert.equal(outcomes, 2, 'some were taken back and some were not');
    await page.close();
  });

  test('a_walk_ends_between_two_pages', async () => {
    const page = await tabs.open();
    const seen = await page.evaluate(async () => {
      const db = await cu.open('walk');
      await db.eval('_home.t = {}  for i = 1, 3000 do _home.t[i] = i end');
      const walk = async (rows: (signal: AbortSignal) => AsyncIterable<unknown>) => {
        const stop = new AbortController();
        let count = 0;
        const outcome = await store.outcome(
          (async () => {
            for await (const _ of rows(stop.signal)) if (++count === 5) stop.abort();
          })(),
        );
        return [count, outcome];
      };
      return [
        await walk((signal) => db.iterate({ table: 't' }, { pageSize: 10, signal })),
        await walk((signal) => db.table('t').iterate({ pageSize: 20, signal })),
        await walk((signal) => db.scan('t', { signal })),
      ];
    });
    assert.deepEqual(seen, [
      [10, 'cancelled'],
      [20, 'cancelled'],
      [1000, 'cancelled'],
    ]);
    await page.close();
  });

  test('a_transaction_with_a_signal_is_rolled_back_wherever_it_is', async () => {
    const page = await tabs.open();
    const results = await page.evaluate(async () => {
      const db = await cu.open('transaction');
      const inWork = new AbortController();
      const work = db.transaction(
        async (tx) => {
          await tx.put('t', 1, 1);
          inWork.abort();
          await tx.put('t', 2, 2);
        },
        { signal: inWork.signal },
      );
      const afterWork = new AbortController();
      const commit = db.transaction(
        async (tx) => {
          await tx.put('t', 3, 3);
          afterWork.abort();
        },
        { signal: afterWork.signal },
      );
      const own = new AbortController();
      const tx = await db.begin({ signal: own.signal });
      await tx.put('t', 4, 4);
      own.abort();
      return {
        outcomes: [
          await store.outcome(work),
          await store.outcome(commit),
          await store.outcome(tx.get('t', 4)),
          await store.outcome(tx.commit()),
          await store.outcome(tx.commit()),
        ],
        tables: await db.tables(),
      };
    });
    assert.deepEqual(results, {
      outcomes: ['cancelled', 'cancelled', 'cancelled', 'cancelled', 'store-closed'],
      tables: [],
    });
    await page.close();
  });

  if (tabs.thread === 'worker') {
    test('a_call_that_only_reads_is_not_waited_for', async () => {
      const page = await tabs.open();
      const order = await page.evaluate(async () => {
        const db = await cu.open('reads');
        await db.put('t', 1, 1);
        const stop = new AbortController();
        const order: unknown[] = [];
        const long = 'local n = 0  for i = 1, 2e7 do n = n + i end  return n';
        const read = db.eval(long, [], { readOnly: true, signal: stop.signal });
        const settled = [
          store.outcome(read).then((outcome) => order.push(outcome)),
          db.get('t', 1).then((found) => order.push(found)),
        ];
        setTimeout(() => stop.abort());
        await Promise.all(settled);
        return order;
      });
      assert.deepEqual(order, ['cancelled', 1]);
      await page.close();
    });
  }
});
