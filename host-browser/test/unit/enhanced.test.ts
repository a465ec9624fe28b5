/** The enhanced interface, in memory. What needs IndexedDB is in `test/browser/enhanced.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EnhancedCuError,
  EnhancedCuWASM,
  EnhancedLuaError,
  type EnhancedOptions,
  type EnhancedQuery,
} from '../../src/enhanced/index.ts';

const make = (options: EnhancedOptions = {}) =>
  EnhancedCuWASM.init({ storage: 'memory', onPrint: () => {}, ...options });

/** An error with this code. */
const coded = (code: string, message?: string) => (error: unknown) => {
  assert.ok(error instanceof EnhancedLuaError, `${error}`);
  assert.equal(error.code, code);
  if (message !== undefined) assert.equal(error.message, message);
  return true;
};

test('eval_runs_now_and_gives_the_first_value', async () => {
  const printed: string[] = [];
  const lua = await make({ onPrint: (text) => printed.push(text) });
  assert.equal(lua.isInitialized, true);
  assert.equal(lua.eval('return 2 + 2'), 4);
  assert.equal(lua.eval('return nil'), null);
  assert.deepEqual(lua.eval('return {1, 2, {a = true}}, 5'), [1, 2, { a: true }]);
  lua.eval('function double(x) print("called") return x * 2 end');
  assert.equal(lua.eval('return double(21)'), 42);
  assert.deepEqual(printed, ['called\n']);
});

test('eval_fails_with_the_error_of_lua_and_writes_nothing', async () => {
  const lua = await make();
  assert.throws(() => lua.eval('undefined_variable'), coded('LUA_EXECUTION_ERROR'));
  assert.throws(() => lua.eval('_home.a = 1 error("no", 0)'), coded('LUA_EXECUTION_ERROR', 'no'));
  assert.equal(lua.eval('return _home.a'), null);
  assert.throws(() => lua.eval('return {f = print}'), coded('LUA_EXECUTION_ERROR'));
  assert.throws(() => lua.eval(5 as never), coded('INVALID_INPUT'));
  const late = await make({ queryTimeout: 50 });
  assert.throws(
    () => late.eval('while true do end'),
    (error: EnhancedLuaError) => {
      assert.equal(error.code, 'LUA_EXECUTION_ERROR');
      assert.equal(error.details.limit, 'wall-clock');
      return true;
    },
  );
});

test('nothing_works_before_init', async () => {
  const lua = new EnhancedCuWASM();
  const message = 'Enhanced Lua WASM not initialized';
  assert.throws(() => lua.eval('return 1'), coded('NOT_INITIALIZED', message));
  await assert.rejects(lua.persistFunction('t', 'f', 'function() end'), coded('NOT_INITIALIZED', message));
  await assert.rejects(lua.batchTableOperations([]), coded('NOT_INITIALIZED', message));
  await assert.rejects(lua.queryTable('t', {} as never), coded('NOT_INITIALIZED', message));
  await assert.rejects(lua.saveState(), coded('NOT_INITIALIZED', message));
  assert.equal(lua.isInitialized, false);
  assert.equal(await lua.init({ storage: 'memory' }), lua);
  assert.equal(await lua.init(), lua, 'a second init does nothing');
  await lua.close();
  assert.throws(() => lua.eval('return 1'), coded('NOT_INITIALIZED'));
});

test('init_rejects_with_what_was_wrong', async () => {
  const wrong: EnhancedOptions[] = [
    { auditLimit: -1 },
    { queryTimeout: 0 },
    { maxBatchSize: 1.5 },
    { maxBatchBytes: 0 },
    { audit: 'some' as never },
    { storage: 'disk' as never },
    { name: '' },
    { name: 'a\u0000' },
  ];
  for (const options of wrong) {
    await assert.rejects(make(options), (error: EnhancedLuaError) => {
      assert.equal(error.code, 'INIT_FAILED');
      assert.equal(error.details.place, Object.keys(options)[0]);
      return true;
    });
  }
  await assert.rejects(EnhancedCuWASM.init({ storage: 'indexeddb' }), (error: EnhancedLuaError) => {
    assert.equal(error.code, 'INIT_FAILED');
    assert.equal(error.details.code, 'store-unavailable', 'Node has no IndexedDB');
    return true;
  });
});

test('a_persisted_function_is_called_by_either_name_of_home', async () => {
  const lua = await make();
  assert.equal(await lua.persistFunction('_home', 'double', 'function(x) return x * 2 end'), true);
  assert.equal(
    await lua.persistFunction('Memory', 'triple', 'function(x) return x * 3 end', { compress: true }),
    true,
  );
  assert.equal(lua.eval('return Memory.double(5) + _home.triple(5)'), 25);
  await lua.persistFunction('tools', 'next', 'local n = 0 return function() n = n + 1 return n end');
  assert.deepEqual(lua.eval('return {_home.tools.next(), _home.tools.next()}'), [1, 2]);
  assert.equal(lua.eval('return _home.tools.next()'), 3);
  assert.deepEqual([...lua.functionRegistry.keys()].sort(), ['_home:double', '_home:triple', 'tools:next']);
});

test('persist_function_refuses_what_is_no_function', async () => {
  const lua = await make();
  const empty = 'Function code must be a non-empty string';
  await assert.rejects(lua.persistFunction('_home', 'f', ''), coded('INVALID_FUNCTION_CODE', empty));
  await assert.rejects(lua.persistFunction('_home', 'f', 5 as never), coded('INVALID_FUNCTION_CODE', empty));
  const large = `function() return "${'x'.repeat(200_000)}" end`;
  await assert.rejects(
    lua.persistFunction('_home', 'f', large),
    coded('FUNCTION_TOO_LARGE', 'Function code exceeds 100KB limit'),
  );
  await assert.rejects(
    lua.persistFunction('_home', 'f', 'return 42'),
    coded('INVALID_FUNCTION_SYNTAX', 'Code does not appear to be a function'),
  );
  await assert.rejects(
    lua.persistFunction('_home', 'f', 'function( return end'),
    coded('FUNCTION_COMPILATION_FAILED'),
  );
  await assert.rejects(lua.persistFunction('', 'f', 'function() end'), coded('INVALID_TABLE_NAME'));
  await assert.rejects(lua.persistFunction('a/b', 'f', 'function() end'), coded('INVALID_TABLE_NAME'));
  await assert.rejects(lua.persistFunction('_home', '', 'function() end'), coded('INVALID_KEY'));
  assert.equal(lua.functionRegistry.size, 0);
});

test('a_function_that_names_what_the_sandbox_lacks_is_kept_only_if_asked', async () => {
  const lua = await make();
  const source = 'function() local f = io.open("/etc/passwd") return f ~= nil and os.execute("ls") end';
  await assert.rejects(lua.persistFunction('_home', 'f', source), coded('UNSAFE_FUNCTION_CODE'));
  assert.equal(lua.eval('return _home.f'), null);
  assert.equal(await lua.persistFunction('_home', 'f', source, { validate: false }), true);
  assert.throws(() => lua.eval('return _home.f()'), coded('LUA_EXECUTION_ERROR'));
  assert.equal(await lua.persistFunction('_home', 'now', 'function() return os.time() end'), true);
});

test('what_a_batch_stores_is_in_memory_in_lua_and_the_other_way_round', async () => {
  const lua = await make();
  const results = await lua.batchTableOperations([
    { type: 'set', table: 'users', key: 'user1', value: { name: 'Ada', age: 36 } },
    { type: 'set', table: 'users', key: 2, value: 'two' },
    { type: 'set', table: '_home', key: 'greeting', value: 'hello' },
    { type: 'set', table: 'Memory', key: 'config', value: { theme: { dark: true } } },
  ]);
  assert.deepEqual(results, [{ success: true }, { success: true }, { success: true }, { success: true }]);
  assert.equal(lua.eval('return Memory.users.user1.name'), 'Ada');
  assert.equal(lua.eval('return _home.users[2]'), 'two');
  assert.equal(lua.eval('return Memory.greeting'), 'hello');
  lua.eval('Memory.config.theme.dark = false  Memory.users.user3 = {name = "Eve"}  Memory.users.user1 = nil');
  const read = await lua.batchTableOperations([
    { type: 'get', table: 'users', key: 'user3' },
    { type: 'get', table: 'users', key: 'user1' },
    { type: 'get', table: '_home', key: 'config' },
    { type: 'get', table: 'config', key: 'theme' },
    { type: 'get', table: 'nowhere', key: 'x' },
  ]);
  assert.deepEqual(
    read.map(({ data }) => data),
    [{ name: 'Eve' }, null, { theme: { dark: false } }, { dark: false }, null],
  );
});

test('each_operation_of_a_batch_has_a_result_in_order', async () => {
  const lua = await make();
  const users = [30, 25, 35].map((age, index) => ({
    type: 'set' as const,
    table: 'users',
    key: `u${index}`,
    value: { age },
  }));
  const results = await lua.batchTableOperations([
    ...users,
    { type: 'get', table: 'users', key: 'u1' },
    { type: 'set', table: '../../../etc/passwd', key: 'test', value: 'data' },
    { type: 'set', table: 'users', key: 'bad', value: () => 1 },
    { type: 'query', table: 'users', field: 'age', operator: '>', value: 28 },
    { type: 'delete', table: 'users', key: 'u1' },
    { type: 'delete', table: 'users', key: 'u1' },
    { type: 'query', table: 'users', query: { field: 'age', operator: '<', value: 28 } },
    { type: 'query', table: 'users', field: 'age', operator: 'in', value: 5 },
    { type: 'get', table: 'normal', key: '../../config' },
  ]);
  assert.deepEqual(
    results.map(({ success, data }) => (success ? (data ?? 'no data') : 'failed')),
    [
      'no data',
      'no data',
      'no data',
      { age: 25 },
      'failed',
      'failed',
      [{ age: 30 }, { age: 35 }],
      true,
      false,
      [],
      'failed',
      'no data',
    ],
  );
  assert.equal(results[4]!.operation?.table, '../../../etc/passwd');
  assert.match(results[5]!.error!, /value/);
  assert.equal(lua.eval('local n = 0 for _ in pairs(_home.users) do n = n + 1 end return n'), 2);
});

test('a_batch_that_is_wrong_is_refused_as_a_whole', async () => {
  const lua = await make();
  const set = { type: 'set' as const, table: 't', key: 'k', value: 1 };
  const refused = (operations: unknown, code: string, message?: string) =>
    assert.rejects(lua.batchTableOperations(operations as never), coded(code, message));
  await refused('no array', 'INVALID_INPUT', 'Operations must be an array');
  assert.deepEqual(await lua.batchTableOperations([]), []);
  await refused(Array(1001).fill(set), 'BATCH_SIZE_EXCEEDED', 'Maximum batch size is 1000');
  await refused(
    [set, { ...set, type: 'invalid' }],
    'INVALID_OPERATION_TYPE',
    'Invalid operation type: invalid',
  );
  await refused([null], 'INVALID_OPERATION_TYPE');
  await refused([{ type: 'set' }], 'INVALID_TABLE_NAME', 'Operation must have a valid table name');
  await refused([{ type: 'get', table: 't' }], 'INVALID_KEY', 'Operation must have a valid key');
  await refused([{ type: 'get', table: 't', key: 1.5 }], 'INVALID_KEY');
  await refused([{ type: 'query', table: 't' }], 'INVALID_QUERY_FIELD');
  assert.equal(lua.externalTables.has('t'), false);
  assert.equal((await lua.batchTableOperations(Array(1000).fill(set))).length, 1000);
});

test('an_atomic_batch_takes_place_as_a_whole_or_not_at_all', async () => {
  const lua = await make();
  const operations = [
    { type: 'set' as const, table: 't', key: 'k', value: 1 },
    { type: 'set' as const, table: '_home', key: 'x', value: 1 },
    { type: 'set' as const, table: 'a/b', key: 'k', value: 1 },
  ];
  await assert.rejects(lua.batchTableOperations(operations, { atomic: true }), (error: EnhancedLuaError) => {
    assert.equal(error.code, 'BATCH_OPERATION_FAILED');
    assert.equal(error.details.place, '[2]');
    return true;
  });
  assert.deepEqual(lua.eval('return {_home.t == nil, _home.x == nil}'), [true, true]);
  await lua.batchTableOperations(operations.slice(0, 2), { atomic: true });
  assert.deepEqual(lua.eval('return {_home.t.k, _home.x}'), [1, 1]);
});

test('limits_of_batches_are_those_of_the_configuration', async () => {
  const lua = await make({ maxBatchSize: 2, maxBatchBytes: 1000 });
  const set = (bytes: number) => ({ type: 'set' as const, table: 't', key: 'k', value: 'x'.repeat(bytes) });
  await assert.rejects(lua.batchTableOperations([set(1), set(1), set(1)]), coded('BATCH_SIZE_EXCEEDED'));
  await assert.rejects(
    lua.batchTableOperations([set(2000)]),
    coded('BATCH_SIZE_EXCEEDED', 'Maximum batch size is 1000 bytes'),
  );
  assert.deepEqual(await lua.batchTableOperations([set(500)]), [{ success: true }]);
  const other = await make();
  assert.equal(other.config.maxBatchBytes, 65_536);
  assert.deepEqual(
    await other.batchTableOperations([set(500_000)]),
    [{ success: true }],
    'no limit unless given',
  );
});

test('create_index_gives_the_same_again', async () => {
  const lua = await make();
  await lua.batchTableOperations([
    { type: 'set', table: 'users', key: 'a', value: { age: 3, address: { city: 'B' } } },
  ]);
  const index = await lua.createIndex('users', 'age', 'btree');
  assert.deepEqual(Object.keys(index).sort(), ['created', 'field', 'table', 'type']);
  assert.deepEqual([index.table, index.field, index.type], ['users', 'age', 'btree']);
  assert.equal(await lua.createIndex('users', 'age'), index);
  assert.equal((await lua.createIndex('Memory', 'users.address.city', 'hash')).field, 'address.city');
  assert.deepEqual([...lua.indices.keys()].sort(), ['users:address.city', 'users:age']);
  assert.equal(lua.getMemoryStats().indices, 2);
  await assert.rejects(lua.createIndex('users', ''), coded('INVALID_INDEX_FIELD'));
  await assert.rejects(lua.createIndex('users', 'age', 'rtree' as never), coded('INVALID_INDEX_TYPE'));
  await assert.rejects(lua.createIndex('', 'age'), coded('INVALID_TABLE_NAME'));
  await assert.rejects(lua.createIndex('a/b', 'age'), coded('CREATE_INDEX_FAILED'));
});

for (const indexed of [undefined, 'btree', 'hash'] as const) {
  test(`all_operators_find_their_documents_in_the_order_of_the_field (${indexed ?? 'no index'})`, async () => {
    const lua = await make();
    const people = [
      { name: 'Alice', category: 'A', score: 100 },
      { name: 'Bob', category: 'B', score: 200 },
      { name: 'Charlie', category: 'A', score: 300 },
      { name: 'Diana', category: 'C', score: 150 },
      { name: 'Eve', category: 'B', score: 250 },
    ];
    await lua.batchTableOperations(
      people.map((value, index) => ({ type: 'set', table: 'people', key: `p${9 - index}`, value })),
    );
    if (indexed)
      for (const field of ['name', 'category', 'score']) await lua.createIndex('people', field, indexed);
    const names = async (query: EnhancedQuery) =>
      (await lua.queryTable<{ name: string }>('people', query)).map(({ name }) => name[0]).join('');
    assert.equal(await names({ field: 'category', operator: '=', value: 'A' }), 'CA', 'ties by key');
    assert.equal(await names({ field: 'category', operator: '!=', value: 'A' }), 'EBD');
    assert.equal(await names({ field: 'score', operator: '<', value: 200 }), 'AD');
    assert.equal(await names({ field: 'score', operator: '<=', value: 200 }), 'ADB');
    assert.equal(await names({ field: 'score', operator: '>', value: 200 }), 'EC');
    assert.equal(await names({ field: 'score', operator: '>=', value: 200 }), 'BEC');
    assert.equal(await names({ field: 'score', operator: 'between', value: [150, 250] }), 'DBE');
    assert.equal(await names({ field: 'name', operator: 'startsWith', value: 'Ch' }), 'C');
    assert.equal(await names({ field: 'name', operator: 'endsWith', value: 'e' }), 'ACE');
    assert.equal(await names({ field: 'name', operator: 'contains', value: 'li' }), 'AC');
    assert.equal(await names({ field: 'name', operator: 'in', value: ['Eve', 'Bob', 'Zoe'] }), 'BE');
    assert.equal(await names({ field: 'score', operator: '>', value: 0, sort: 'desc', limit: 2 }), 'CE');
    assert.equal(await names({ field: 'score', operator: '>', value: 0, limit: 2, offset: 3 }), 'EC');
    const memory = await lua.queryTable('Memory', {
      table: 'people',
      field: 'score',
      operator: '=',
      value: 300,
    });
    assert.deepEqual(memory, [people[2]]);
    assert.deepEqual(await lua.queryTable('_home', { field: 'people.score', operator: '=', value: 300 }), [
      people[2],
    ]);
  });
}

test('a_query_that_is_wrong_says_what_is', async () => {
  const lua = await make();
  const refused = (query: unknown, code: string, message?: string) =>
    assert.rejects(lua.queryTable('t', query as never), coded(code, message));
  await refused({}, 'INVALID_QUERY_FIELD', 'Query must specify a field');
  await refused(null, 'INVALID_QUERY_FIELD');
  await refused({ field: 'a' }, 'INVALID_QUERY_OPERATOR', 'Query must specify an operator');
  await refused({ field: 'a', operator: 'invalid' }, 'UNSUPPORTED_OPERATOR', 'Unsupported operator: invalid');
  await refused({ field: 'a', operator: '=', limit: 0 }, 'INVALID_QUERY_LIMIT');
  await refused({ field: 'a', operator: '=', limit: 'x' }, 'INVALID_QUERY_LIMIT');
  await refused({ field: 'a', operator: '=', offset: -1 }, 'INVALID_QUERY_OFFSET');
  await refused({ field: 'a', operator: '=', sort: 'up' }, 'INVALID_QUERY_SORT');
  await refused({ field: 'a', operator: 'between', value: 5 }, 'INVALID_QUERY_VALUE');
  await assert.rejects(
    lua.queryTable(5 as never, { field: 'a', operator: '=' }),
    coded('INVALID_TABLE_NAME'),
  );
  assert.deepEqual(
    await lua.queryTable('t', { field: 'a', operator: '=', value: 1 }),
    [],
    'a table that is not there',
  );
});

test('memory_stats_count_what_there_is', async () => {
  const lua = await make();
  const before = lua.getMemoryStats();
  await lua.batchTableOperations([{ type: 'set', table: 't', key: 'k', value: 1 }]);
  await lua.persistFunction('t', 'f', 'function() end');
  lua.eval('return ("x"):rep(1000)');
  const after = lua.getMemoryStats();
  assert.ok(after.externalTables > before.externalTables);
  assert.equal(after.functionRegistry - before.functionRegistry, 1);
  assert.deepEqual([before.indices, before.cacheSize, before.bufferUsage], [0, 0, 0]);
  assert.ok(after.bufferUsage > 1000 / after.bufferSize && after.bufferUsage < 0.9);
});

test('the_audit_log_has_changes_and_failures_with_their_outcome', async () => {
  const lua = await make();
  await lua.persistFunction('_home', 'f', 'function() return true end');
  await lua.batchTableOperations([{ type: 'set', table: 'audit', key: 'test', value: 'secret' }]);
  lua.eval('_home.x = 1\nreturn 2');
  lua.eval('return _home.x');
  await assert.rejects(lua.persistFunction('_home', 'g', 'return 1'));
  assert.throws(() => lua.eval('error("no", 0)'));
  const log = lua.auditLog;
  assert.deepEqual(
    log.map(({ level, api, outcome, code }) => [level, api, outcome, code]),
    [
      ['info', 'persistFunction', 'ok', undefined],
      ['info', 'batchTableOperations', 'ok', undefined],
      ['info', 'eval', 'ok', undefined],
      ['error', 'persistFunction', 'failed', 'INVALID_FUNCTION_SYNTAX'],
      ['error', 'eval', 'failed', 'LUA_EXECUTION_ERROR'],
    ],
  );
  assert.equal(log[2]!.message, 'Ran Lua code: _home.x = 1');
  assert.ok(log.every(({ timestamp }) => new Date(timestamp).toISOString() === timestamp));
  assert.ok(
    log.every(({ message }) => !message.includes('secret')),
    'no values',
  );
  assert.equal(lua.eval('local n = 0 for _ in pairs(_home.audit_log) do n = n + 1 end return n'), 5);
  lua.auditLog = [];
  assert.deepEqual(lua.auditLog, []);
  assert.throws(() => {
    lua.auditLog = log;
  }, coded('INVALID_INPUT'));
});

test('the_audit_log_is_bounded_and_can_have_every_call', async () => {
  const lua = await make({ auditLimit: 10, audit: 'all' });
  for (let index = 0; index < 25; index++) lua.eval(`return ${index}`);
  assert.deepEqual(
    lua.auditLog.map(({ message }) => message),
    Array.from({ length: 10 }, (_, index) => `Ran Lua code: return ${index + 15}`),
  );
  const none = await make({ auditLimit: 0 });
  none.eval('_home.x = 1');
  assert.deepEqual(none.auditLog, []);
});

test('errors_carry_what_is_known_and_turn_into_json', async () => {
  const lua = await make();
  assert.equal(EnhancedCuError, EnhancedLuaError);
  const error = await lua.queryTable('t', { field: 'a', operator: 'in', value: 1 }).catch((error) => error);
  assert.equal(error.name, 'EnhancedLuaError');
  assert.equal(error.details.code, 'invalid-query');
  assert.match(error.suggestion, /array/);
  assert.ok(Date.now() - Date.parse(error.timestamp) < 60_000);
  const json = JSON.parse(JSON.stringify(error));
  assert.deepEqual(
    [json.name, json.code, json.message, json.timestamp, json.suggestion, json.originalError],
    [error.name, error.code, error.message, error.timestamp, error.suggestion, error.originalError.message],
  );
  const thrown = (() => {
    try {
      return lua.eval('local function f() error("deep") end f()');
    } catch (error) {
      return error as EnhancedLuaError;
    }
  })() as EnhancedLuaError;
  assert.match(thrown.details.traceback!, /in local 'f'/);
});

test('without_auto_restore_nothing_is_stored_before_save_state', async () => {
  const lua = await make({ autoRestore: false });
  lua.eval('_home.x = 1');
  await lua.batchTableOperations([{ type: 'set', table: 't', key: 'k', value: 1 }]);
  assert.equal(await lua.saveState(), true);
  lua.eval('_home.x = 2');
  assert.equal(await lua.loadState(), true);
  assert.equal(lua.eval('return _home.x'), 1);
  assert.equal(lua.eval('return _home.t.k'), 1);
});

test('many_calls_at_once_all_take_place', async () => {
  const lua = await make();
  await Promise.all(
    Array.from({ length: 20 }, (_, index) => [
      lua.persistFunction('_home', `f${index}`, `function() return ${index} end`),
      lua.batchTableOperations([{ type: 'set', table: 'many', key: `k${index}`, value: index }]),
    ]).flat(),
  );
  assert.equal(lua.eval('local n = 0 for _, v in pairs(_home.many) do n = n + v end return n'), 190);
  assert.equal(lua.eval('return _home.f7() + _home.f12()'), 19);
});
