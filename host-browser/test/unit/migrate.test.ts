/** What becomes of the older module's records, without IndexedDB. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeValue, type OlderValue } from '../../src/cu-api/format.ts';
import { type Database, open } from '../../src/database.ts';
import { fill } from '../../src/migrate/fill.ts';
import { type Keys, planOf } from '../../src/migrate/plan.ts';
import { storedOf } from '../../src/migrate/stored.ts';
import { CHUNKS } from './chunks.ts';
import { Random } from './random.ts';

type Members = Record<string, OlderValue | string | Uint8Array>;

const text = (value: string): OlderValue => ({ type: 'string', value: new TextEncoder().encode(value) });
const integer = (value: number | bigint): OlderValue => ({ type: 'integer', value: BigInt(value) });
const table = (value: number): OlderValue => ({ type: 'table', value });
const chunk = (name: keyof typeof CHUNKS): OlderValue => ({
  type: 'bytecode',
  value: new Uint8Array(Buffer.from(CHUNKS[name], 'hex')),
});

/** Records as the older module writes them. */
function records(tables: Record<number, Members>, metadata: object = { homeTableId: 1 }): unknown[] {
  const stored = Object.entries(tables).map(([id, members]) => ({
    id: Number(id),
    data: Object.fromEntries(
      Object.entries(members).map(([key, value]) => [
        key,
        typeof value === 'string'
          ? value
          : { _type: 'binary', data: [...(value instanceof Uint8Array ? value : encodeValue(value))] },
      ]),
    ),
  }));
  return [...stored, { id: '__metadata__', data: metadata }];
}

async function migrated(stored: unknown[], keys: Keys = 'integers'): Promise<[Database, string[], number[]]> {
  const db = await open('migrated', { storage: 'memory' });
  const report = await fill(planOf(storedOf(stored), keys), db.raw);
  const problems = report.problems.map(({ path, reason }) => `${path}: ${reason}`);
  return [db, problems, [report.tables, report.documents, report.functions]];
}

test('values_of_every_kind_come_over', async () => {
  const [db, problems, counts] = await migrated(
    records({
      1: {
        greeting: text('hello'),
        yes: { type: 'boolean', value: true },
        nothing: { type: 'nil' },
        large: integer(2n ** 60n),
        third: { type: 'float', value: 1 / 3 },
        whole: { type: 'float', value: 2 },
        raw: { type: 'string', value: Uint8Array.of(0xff, 0) },
        '7': integer(7),
        users: table(3),
        empty: table(4),
      },
      3: { ada: table(5), '12': text('twelve'), '-3': integer(-3), '007': integer(0) },
      4: {},
      5: { name: text('Ada'), tags: table(6), more: table(7) },
      6: { '1': text('math'), '2': text('poetry') },
      7: { '1': integer(1), '3': integer(3), x: integer(5) },
    }),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(counts, [2, 11, 0]);
  assert.deepEqual(
    await db.eval(`return _home.greeting, _home.yes, _home.nothing, _home.large, _home.third, math.type(_home.whole), _home[7],
      _home.raw == "\\xff\\0", #_home.users.ada.tags, _home.users[12], _home.users[-3], _home.users["007"], next(_home.empty)`),
    ['hello', true, null, 2n ** 60n, 1 / 3, 'float', 7, true, 2, 'twelve', -3, 0, null],
  );
  assert.deepEqual(await db.get('users', 'ada'), {
    name: 'Ada',
    tags: ['math', 'poetry'],
    more: new Map<unknown, number>([
      [1, 1],
      [3, 3],
      ['x', 5],
    ]),
  });
  assert.deepEqual((await db.tables()).map(({ name }) => name).sort(), ['_home', 'empty', 'users']);
});

test('functions_come_over_through_the_verifier_wherever_they_are', async () => {
  const [db, problems, counts] = await migrated(
    records({
      1: {
        double: chunk('double'),
        fib: chunk('fib'),
        tools: table(2),
        '9': chunk('double'),
        shout: { type: 'library', value: 60 },
      },
      2: { shout: chunk('upper'), '5': chunk('double'), ada: table(3) },
      3: { hooks: table(4), name: text('Ada') },
      4: { '1': chunk('double'), '2': text('between'), '3': chunk('upper') },
    }),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(counts, [1, 1, 8]);
  assert.deepEqual(
    await db.eval(`local t = _home.tools
      return _home.double(21), _home.fib(10), t.shout("a"), t[5](4), t.ada.hooks[1](5), t.ada.hooks[2], t.ada.hooks[3]("b"),
        _home[9](1), _home.shout == string.upper`),
    [42, 55, 'A!', 8, 10, 'between', 'B!', 2, true],
  );
  assert.deepEqual(
    (await db.tables()).map(({ name }) => name).sort(),
    ['_home', 'tools'],
    'nothing else is left',
  );
});

test('what_can_not_be_had_is_told_with_its_path_and_the_rest_comes_over', async () => {
  const forged = new Uint8Array(Buffer.from(CHUNKS.double, 'hex'));
  // The number of registers that the function says it needs.
  forged[37] = 1;
  const [db, problems, counts] = await migrated(
    records({
      1: {
        fine: integer(1),
        cut: Uint8Array.of(4, 9, 0, 0, 0, 65),
        unknown: Uint8Array.of(99),
        lost: table(77),
        itself: table(1),
        forged: { type: 'bytecode', value: forged },
        five3: { type: 'bytecode', value: new TextEncoder().encode('\x1bLua\x53') },
        native: { type: 'library', value: 0xffff },
        gone: { type: 'library', value: 63 },
        t: table(2),
      },
      2: { self: table(3), '': integer(1), good: integer(2) },
      3: { inner: table(4), x: integer(1) },
      4: { back: table(3), y: integer(2) },
    }),
  );
  assert.deepEqual(counts, [1, 3, 0]);
  const told = problems.map((problem) => problem.slice(0, problem.indexOf(': ')));
  assert.deepEqual(told.sort(), [
    '_home.cut',
    '_home.five3',
    '_home.forged',
    '_home.gone',
    '_home.itself',
    '_home.lost',
    '_home.native',
    '_home.t.self.inner.back',
    '_home.t[""]',
    '_home.unknown',
  ]);
  assert.match(
    problems.find((problem) => problem.includes('forged'))!,
    /only what string\.dump of Lua 5\.4 makes/,
  );
  assert.match(problems.find((problem) => problem.includes('five3'))!, /made for Lua 5\.3/);
  assert.match(problems.find((problem) => problem.includes('gone'))!, /this Lua has no table\.maxn/);
  assert.deepEqual(await db.get('t', 'self'), { x: 1, inner: { y: 2 } });
  assert.equal(await db.get('_home', 'fine'), 1);
});

test('tables_whose_names_none_can_have_become_documents_of_home', async () => {
  const [db, problems] = await migrated(
    records({
      1: { _private: table(2), 'a/b': table(2), '5': table(2), ok: table(2) },
      2: { x: integer(1), f: chunk('double') },
    }),
  );
  assert.deepEqual(problems, []);
  assert.deepEqual(
    await db.eval('return _home._private.x, _home["a/b"].f(2), _home[5].x, _home.ok.f(4)'),
    [1, 4, 1, 8],
  );
  assert.deepEqual(
    (await db.tables()).map(({ name, documents }) => [name, documents]),
    [
      ['_home', 3],
      ['ok', 2],
    ],
  );
});

test('decimal_keys_are_texts_if_the_caller_says_so', async () => {
  const [db] = await migrated(
    records({ 1: { t: table(2) }, 2: { '1': text('one'), '2': table(2 + 1) }, 3: { '1': integer(1) } }),
    'texts',
  );
  assert.deepEqual(await db.eval('return _home.t["1"], _home.t[1], _home.t["2"]["1"]'), ['one', null, 1]);
});

test('strings_of_early_versions_and_metadata_of_all_are_understood', async () => {
  const early = records(
    { 4: { plain: 'just text', tagged: '\u0004\u0002\0\0\0ab', n: '\u0000' } },
    { memoryTableId: 4 },
  );
  const [db, problems] = await migrated(early);
  assert.deepEqual(problems, []);
  assert.deepEqual(await db.eval('return _home.plain, _home.tagged, _home.n'), ['just text', 'ab', null]);
  const without = records({ 2: { x: integer(1) }, 3: { y: integer(2) } }, {});
  const [other] = await migrated(without.slice(0, -1));
  assert.deepEqual(await other.eval('return _home.x, _home.y'), [1, null]);
  const [nothing, , counts] = await migrated([]);
  assert.deepEqual([counts, await nothing.tables()], [[0, 0, 0], []]);
});

test('tables_that_are_in_each_other_many_times_end_as_a_problem', async () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 60 }, (_, level) => [level + 2, { a: table(level + 3), b: table(level + 3) }]),
  );
  const [db, problems] = await migrated(
    records({
      1: { t: table(2), fine: integer(1) },
      ...doubling,
      2: { a: table(3) },
      62: { f: chunk('double') },
    }),
  );
  assert.deepEqual(problems, ['_home.t.a: it has more than 1000000 values']);
  assert.equal(await db.get('_home', 'fine'), 1);
});

test('whatever_the_records_are_a_plan_and_its_database_come_of_them', async () => {
  const random = new Random(21);
  const kinds = ['nil', 'boolean', 'integer', 'float', 'string', 'bytecode', 'library', 'table'] as const;
  const value = (): OlderValue | string | Uint8Array => {
    switch (kinds[random.below(16)]) {
      case 'nil':
        return { type: 'nil' };
      case 'boolean':
        return { type: 'boolean', value: random.below(2) === 1 };
      case 'integer':
        return integer(random.below(1000) - 500);
      case 'float':
        return { type: 'float', value: random.below(1000) / 8 };
      case 'string':
        return { type: 'string', value: random.bytes(random.below(8)) };
      case 'bytecode':
        return random.below(2) === 0 ? chunk('double') : { type: 'bytecode', value: random.bytes(20) };
      case 'library':
        return { type: 'library', value: random.below(70) };
      case 'table':
        return table(1 + random.below(8));
      default:
        return random.below(2) === 0 ? random.bytes(random.below(12)) : 'a text';
    }
  };
  const key = () =>
    ['a', 'b', '1', '2', '3', '-7', '', '__proto__', 'x'.repeat(2000), 'a/b', '_x'][random.below(11)]!;
  let written = 0;
  for (let round = 0; round < 200; round++) {
    const tables = Object.fromEntries(
      Array.from({ length: 6 }, (_, id) => [
        id + 1,
        Object.fromEntries(Array.from({ length: random.below(6) }, () => [key(), value()])),
      ]),
    );
    const [db, problems, [, documents, functions]] = await migrated(records(tables));
    const left = (await db.tables()).reduce((sum, { documents }) => sum + documents, 0);
    assert.ok(left >= documents!, `${round}: what is reported is there`);
    assert.ok(
      (await db.functions()).every(({ bytecode }) => bytecode),
      'what is kept came through the verifier',
    );
    assert.ok(problems.every((problem) => problem.startsWith('_home')));
    written += documents! + functions!;
  }
  assert.ok(written > 100, `${written}`);
});
