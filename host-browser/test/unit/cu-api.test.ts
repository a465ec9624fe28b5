/** The module `cu` 2.1, in memory. What needs IndexedDB is in `test/browser/cu-api.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeValue, encodeValue, FormatError } from '../../src/cu-api/format.ts';
import cu, * as named from '../../src/cu-api/index.ts';
import { IoWrapper } from '../../src/cu-api/io-wrapper.ts';

async function begin(): Promise<void> {
  assert.equal(await cu.load({ storage: 'memory' }), true);
  assert.equal(cu.init(), 0);
}

async function result(code: string): Promise<unknown> {
  const bytes = await cu.compute(code);
  return cu.readResult(cu.getBufferPtr(), bytes).result;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('nothing_works_before_load', async () => {
  for (const call of [
    cu.init,
    cu.getBufferPtr,
    cu.getMemoryStats,
    cu.getTableInfo,
    cu.getIoTableId,
    cu.runGc,
  ]) {
    assert.throws(call, /WASM not loaded/);
  }
  await assert.rejects(cu.compute('return 1'), /WASM not loaded/);
  await assert.rejects(cu.saveState(), /WASM not loaded/);
  cu.clearIo();
});

test('the_default_export_has_what_is_exported_by_name', () => {
  const { default: all, ...rest } = named;
  assert.deepEqual(all, rest);
});

test('compute_gives_the_bytes_of_a_result_that_read_result_reads', async () => {
  await begin();
  assert.equal(await result('return 2 + 2'), 4);
  assert.equal(await result('return "Hello" .. " " .. "World"'), 'Hello World');
  assert.equal(await result('return nil'), null);
  assert.equal(await result(''.concat('local x')), null);
  assert.equal(await result('return true'), true);
  assert.equal(await result('return 3.25'), 3.25);
  assert.equal(await result('return 7, 8'), 7, 'the first value');
  assert.equal(await result('return math.mininteger'), -(2n ** 63n));
  assert.equal(await result('return 2^53 | 0'), 2n ** 53n);
  assert.deepEqual(await result('return {1, 2, {a = "x", f = print}}'), [1, 2, { a: 'x', f: '<function>' }]);
  assert.equal(await result('return print'), '<function>');
  assert.equal(await result('return require("bigint").new("123456789012345678901")'), 123456789012345678901n);
  assert.equal(await result('return require("bigint").new(5)'), 5);
  await assert.rejects(cu.compute(''), /Code must be a non-empty string/);
  await assert.rejects(cu.compute(5 as never), /Code must be a non-empty string/);
});

test('compute_has_run_before_its_promise_resolves', async () => {
  await begin();
  const promise = cu.compute('_io.output = 42');
  assert.equal(cu.getOutput(), 42);
  assert.ok((await promise) > 0);
});

test('printed_text_is_the_output', async () => {
  await begin();
  const bytes = await cu.compute('print("a", 1) print("é") return 5');
  assert.deepEqual(cu.readResult(cu.getBufferPtr(), bytes), { output: 'a\t1\né\n', result: 5 });
  const many = await cu.compute('for i = 1, 40000 do print("é") end return "end"');
  const read = cu.readResult(cu.getBufferPtr(), many);
  assert.equal(read.result, 'end');
  assert.match(read.output, /^(é\n)+é?\.\.\.$/, 'cut where the buffer ends');
  assert.ok(many <= cu.getBufferSize());
});

test('the_buffer_has_the_bytes_of_the_older_module', async () => {
  await begin();
  const bytes = async (code: string) => {
    const length = await cu.compute(code);
    const text = cu.readBuffer(cu.getBufferPtr(), length);
    return hex(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  };
  assert.equal(await bytes('print("hi")'), '030000006869' + '0a' + '00');
  assert.equal(await bytes('return true'), '00000000' + '0101');
  assert.equal(await bytes('return 1'), '00000000' + '020100000000000000');
  assert.equal(await bytes('return 2.0'), '00000000' + '030000000000000040');
  assert.equal(await bytes('return "ab"'), '00000000' + '04020000006162');
});

test('a_failed_call_is_a_negative_number_of_bytes_with_its_text', async () => {
  await begin();
  for (const [code, message] of [
    ['error("no", 0)', 'error: no'],
    ['return +', `error: [string "return +"]:1: unexpected symbol near '+'`],
    [
      'local t = nil\nreturn t.x',
      `error: [string "local t = nil..."]:2: attempt to index a nil value (local 't')`,
    ],
  ] as const) {
    const bytes = await cu.compute(code);
    assert.ok(bytes < 0);
    assert.equal(cu.readBuffer(cu.getBufferPtr(), -bytes), message);
    assert.equal(cu.readResult(cu.getBufferPtr(), bytes).result, message);
    await assert.rejects(cu.computeValue(code), {
      name: 'CuError',
      message: message.slice('error: '.length),
    });
  }
  const bytes = await cu.compute('_home.kept = 1 return ("x"):rep(70000)');
  assert.match(
    cu.readBuffer(cu.getBufferPtr(), -bytes),
    /more than the buffer of 65536; put it into _io.output/,
  );
  assert.equal(await cu.computeValue('return _home.kept'), 1);
});

test('compute_value_gives_the_value_itself', async () => {
  await begin();
  assert.equal(await cu.computeValue('return 2 + 2'), 4);
  assert.equal(await cu.computeValue('local x = 1'), null);
  assert.equal(
    String(await cu.computeValue('return ("x"):rep(70000)')).length,
    70_000,
    'larger than the buffer',
  );
});

test('globals_and_home_last_from_call_to_call', async () => {
  await begin();
  await cu.compute('x = 42  function double(n) return n * 2 end');
  assert.equal(await result('return double(x)'), 84);
  await cu.compute('_home.counter = (_home.counter or 0) + 1');
  await cu.compute('Memory.counter = Memory.counter + 1');
  assert.equal(await result('return _home.counter'), 2);
  await cu.compute(
    'function _home.fib(n) if n <= 1 then return n end return _home.fib(n - 1) + _home.fib(n - 2) end',
  );
  assert.equal(await result('return _home.fib(10)'), 55);
  await cu.compute('local t = ext.table() t.name = "Ada" t[1] = "first" _home.t = t');
  assert.deepEqual(await result('return {_home.t.name, _home.t[1]}'), ['Ada', 'first']);
});

test('io_takes_values_in_and_out_and_stays_from_call_to_call', async () => {
  await begin();
  cu.setInput({ user: { name: 'Bob', tags: ['a', 'b'] }, pi: 3.5, none: undefined, when: () => 1 });
  cu.setMetadata({ version: '1.0' });
  assert.equal(
    await result('return _io.input.user.name .. _io.input.user.tags[2] .. _io.input.pi .. _io.meta.version'),
    'Bobb3.51.0',
  );
  assert.equal(await result('return _io.input.when'), null);
  assert.equal(cu.getOutput(), null);
  await cu.compute('_io.output = {status = "ok", list = {1, 2, 3}, f = print}  error("after")');
  assert.deepEqual(cu.getOutput(), { status: 'ok', list: [1, 2, 3], f: '<function>' });
  await cu.compute('_io.output.status = "later"');
  assert.equal((cu.getOutput() as { status: string }).status, 'later');
  for (const value of ['text', true, 42, 1.5, [], {}, [[1], { a: 2 }], 'x'.repeat(200_000)]) {
    cu.setInput(value);
    await cu.compute('_io.output = _io.input');
    assert.deepEqual(cu.getOutput(), value);
  }
  cu.clearIo();
  assert.equal(await result('return _io.input == nil and _io.output == nil and _io.meta == nil'), true);
});

test('the_io_wrapper_computes_streams_and_requests', async () => {
  await begin();
  const io = new IoWrapper();
  const metadata = { user: 'ada' };
  const code =
    '_io.output = {sum = _io.input.a + _io.input.b, by = _io.meta.user, id = #_io.meta.requestId}  return "done"';
  const computed = await io.computeWithIo(code, { a: 1, b: 2 }, { metadata });
  assert.deepEqual(computed, { returnValue: 'done', output: { sum: 3, by: 'ada', id: 36 }, metadata });
  cu.setInput('kept');
  const kept = await io.computeWithIo('return _io.input', null, { clearBefore: false });
  assert.equal(kept.returnValue, 'kept');
  assert.equal((await io.computeWithIo('return _io.input')).returnValue, null);
  const outputs = await io.processStream(
    '_io.output = {n = #_io.input.batch, at = _io.input.batchIndex, more = _io.input.hasMore}',
    Array.from({ length: 250 }, (_, index) => index),
  );
  assert.deepEqual(outputs, [
    { n: 100, at: 0, more: true },
    { n: 100, at: 1, more: true },
    { n: 50, at: 2, more: false },
  ]);
  await cu.compute(
    'function total(params) local sum = 0 for _, v in ipairs(params.data) do sum = sum + v end return {sum = sum} end',
  );
  assert.deepEqual((await io.request('total', { data: [1, 2, 3] })).output, { sum: 6 });
  assert.deepEqual((await io.request('missing')).output, { error: 'Unknown method: missing' });
  await assert.rejects(io.processStream('return 1', [1], { batchSize: 0 }), RangeError);
});

test('the_buffer_can_be_written_and_read_within_its_bounds', async () => {
  await begin();
  const ptr = cu.getBufferPtr();
  assert.ok(ptr > 0);
  assert.equal(cu.getBufferSize(), 65_536);
  assert.equal(cu.writeBuffer(ptr + 10, 'Zürich'), 7);
  assert.equal(cu.readBuffer(ptr + 10, 7), 'Zürich');
  assert.throws(() => cu.writeBuffer(ptr + 65_530, '1234567'), RangeError);
  assert.throws(() => cu.readBuffer(ptr - 1, 1), RangeError);
  assert.deepEqual(cu.readResult(ptr, 0), { output: '', result: null });
  cu.writeBuffer(ptr, '\u0001\0\0\0a\u0009');
  assert.throws(() => cu.readResult(ptr, 6), FormatError);
});

test('memory_stats_have_both_shapes', async () => {
  await begin();
  cu.runGc();
  const stats = cu.getMemoryStats();
  assert.deepEqual(Object.keys(stats).sort(), [
    'cu_memory_used',
    'free',
    'io_buffer_size',
    'total',
    'used',
    'wasm_pages',
  ]);
  assert.equal(stats.used + stats.free, stats.total);
  assert.ok(stats.used > 0 && stats.used === stats.cu_memory_used);
  assert.equal(stats.io_buffer_size, 65_536);
  await cu.compute('big = ("x"):rep(4000000)');
  assert.ok(cu.getMemoryStats().used > stats.used + 3_000_000);
  await cu.compute('big = nil');
  assert.equal(cu.runGc(), true);
  assert.ok(cu.getMemoryStats().used < stats.used + 1_000_000);
});

test('table_info_has_home_io_and_the_tables_in_home', async () => {
  await cu.load({ storage: 'memory' });
  assert.equal(cu.getMemoryTableId(), null);
  cu.init();
  assert.equal(cu.getMemoryTableId(), 1);
  assert.equal(cu.getHomeTableId(), 1);
  assert.equal(cu.getIoTableId(), 2);
  await cu.compute('_home.n = 1  _home.users = {ada = {born = 1815}, [5] = "five"}  _io.output = 1');
  assert.deepEqual(cu.getTableInfo(), {
    tableCount: 3,
    homeTableId: 1,
    memoryTableId: 1,
    nextTableId: 4,
    tables: [
      { id: 1, size: 2, keys: ['n', 'users'] },
      { id: 2, size: 1, keys: ['output'] },
      { id: 3, size: 2, keys: ['5', 'ada'] },
    ],
  });
});

test('the_name_memory_can_be_taken_away_and_given_back', async () => {
  await begin();
  await cu.compute('_home.x = 5');
  cu.setMemoryAliasEnabled(false);
  assert.match(String(await result('return Memory.x')), /^error: .*attempt to index a boolean value/);
  cu.setMemoryAliasEnabled(true);
  assert.equal(await result('return Memory.x'), 5);
});

test('in_memory_what_is_saved_is_what_load_state_goes_back_to', async () => {
  await begin();
  await cu.compute('_home.x = 1  y = 1');
  assert.equal(await cu.saveState(), true);
  await cu.compute('_home.x = 2  y = 2  _home.f = function() return 1 end');
  assert.equal(await cu.loadState(), true);
  assert.deepEqual(await result('return {_home.x, y, tostring(_home.f)}'), [1, 2, 'nil']);
  assert.equal(await cu.clearPersistedState(), true);
  assert.equal(await result('return _home.x'), 1, 'what is in memory stays');
  await cu.loadState();
  assert.equal(await result('return _home.x'), null);
});

test('without_indexeddb_scripts_run_and_saving_says_that_it_can_not', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  assert.equal(await cu.load(), true, 'Node has no IndexedDB');
  assert.match(String(warn.mock.calls[0]!.arguments[0]), /Nothing that is saved will last/);
  cu.init();
  assert.equal(await result('_home.x = 1 return _home.x'), 1);
  assert.equal(await cu.saveState(), false);
});

test('bigint_has_the_functions_and_operators_of_the_older_module', async () => {
  await begin();
  const big = (code: string) => result(`local bigint = require('bigint') ${code}`);
  assert.equal(await big('return tostring(bigint.new("DEADBEEF", 16))'), '3735928559');
  assert.equal(
    await big('return tostring(bigint.add(bigint.new("1000000000000000000"), bigint.new(5)))'),
    '1000000000000000005',
  );
  assert.equal(await big('return tostring(bigint.sub(bigint.new(100), bigint.new(200)))'), '-100');
  assert.equal(
    await big('return tostring(bigint.mul(bigint.new("1000000000000"), bigint.new("1000000000000")))'),
    `1${'0'.repeat(24)}`,
  );
  assert.equal(await big('return tostring(bigint.div(bigint.new(1000), bigint.new(7)))'), '142');
  assert.equal(await big('return tostring(bigint.mod(bigint.new(1000), bigint.new(7)))'), '6');
  assert.equal(
    await big(
      'local a, b = bigint.new(1000), bigint.new(7) return tostring(a + b - b * b / b % a) .. tostring(-a)',
    ),
    '1000-1000',
  );
  assert.equal(
    await big(
      'local a, b = bigint.new(1), bigint.new(2) return a < b and a <= b and b > a and b >= a and a == bigint.new("1") and a ~= b',
    ),
    true,
  );
});

test('value_bytes_are_read_as_they_are_written', () => {
  const text = new TextEncoder();
  for (const [value, bytes] of [
    [{ type: 'nil' }, '00'],
    [{ type: 'boolean', value: true }, '0101'],
    [{ type: 'integer', value: -2n }, '02feffffffffffffff'],
    [{ type: 'float', value: 1.5 }, '03000000000000f83f'],
    [{ type: 'string', value: text.encode('hé') }, '040300000068c3a9'],
    [{ type: 'bytecode', value: Uint8Array.of(27, 76) }, '05020000001b4c'],
    [{ type: 'library', value: 0xffff }, '06ffff'],
    [{ type: 'table', value: 258 }, '0702010000'],
  ] as const) {
    assert.equal(hex(encodeValue(value)), bytes);
    assert.deepEqual(decodeValue(new Uint8Array(Buffer.from(bytes, 'hex'))), value);
    for (let length = 0; length < bytes.length / 2; length++) {
      assert.throws(
        () => decodeValue(new Uint8Array(Buffer.from(bytes, 'hex')).subarray(0, length)),
        FormatError,
      );
    }
    assert.throws(() => decodeValue(new Uint8Array(Buffer.from(`${bytes}00`, 'hex'))), FormatError);
  }
  assert.throws(() => decodeValue(Uint8Array.of(8, 0)), FormatError);
});
