import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decode } from '../../src/cbor/decode.ts';
import { encode } from '../../src/cbor/encode.ts';
import { CuFloat, CuFunctionRef, type Value } from '../../src/cbor/values.ts';
import { CuError } from '../../src/errors.ts';
import { Random } from './random.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));

const EXAMPLES: [string, Value, string][] = [
  ['zero', 0, '00'],
  ['23', 23, '17'],
  ['24', 24, '1818'],
  ['256', 256, '190100'],
  ['65536', 65_536, '1a00010000'],
  ['2^32', 2 ** 32, '1b0000000100000000'],
  ['the largest safe integer', Number.MAX_SAFE_INTEGER, '1b001fffffffffffff'],
  ['the smallest safe integer', Number.MIN_SAFE_INTEGER, '3b001ffffffffffffe'],
  ['-1', -1, '20'],
  ['-25', -25, '3818'],
  ['the largest 64-bit integer', 2n ** 63n - 1n, '1b7fffffffffffffff'],
  ['the smallest 64-bit integer', -(2n ** 63n), '3b7fffffffffffffff'],
  ['a small BigInt', 5n, '05'],
  ['2^63', 2n ** 63n, 'c2488000000000000000'],
  ['-2^63 - 1', -(2n ** 63n) - 1n, 'c3488000000000000000'],
  ['2^64', 2n ** 64n, 'c249010000000000000000'],
  ['-2^64 - 1', -(2n ** 64n) - 1n, 'c349010000000000000000'],
  ['2^72 - 1', 2n ** 72n - 1n, `c249${'ff'.repeat(9)}`],
  ['a BigInt of 30 bytes', 16n ** 58n, `c2581e${'01'}${'00'.repeat(29)}`],
  ['-0', -0, 'f98000'],
  ['a whole float', new CuFloat(1), 'f93c00'],
  ['0.5', 0.5, 'f93800'],
  ['65504', new CuFloat(65_504), 'f97bff'],
  ['the smallest half', 2 ** -24, 'f90001'],
  ['a subnormal half', 3 * 2 ** -20, 'f90030'],
  ['too fine for a half', 2 ** -25, 'fa33000000'],
  ['1/3', 1 / 3, 'fb3fd5555555555555'],
  ['100000.5', 100_000.5, 'fa47c35040'],
  ['1e300', 1e300, 'fb7e37e43c8800759c'],
  ['2^53', 2 ** 53, 'fa5a000000'],
  ['infinity', Infinity, 'f97c00'],
  ['-infinity', -Infinity, 'f9fc00'],
  ['NaN', NaN, 'f97e00'],
  ['true', true, 'f5'],
  ['null', null, 'f6'],
  ['undefined in an array', [undefined], '81f6'],
  ['undefined in an object', { a: undefined, b: 1 }, 'a1616201'],
  ['a text', 'ü', '62c3bc'],
  ['a long text', 'x'.repeat(24), `7818${'78'.repeat(24)}`],
  ['bytes', Uint8Array.of(1, 2), '420102'],
  ['nested', [1, [2, {}]], '82018202a0'],
  ['members by their encodings', { aa: 1, b: 2, a: 3 }, 'a3616103616202626161' + '01'],
  [
    'a map with mixed keys',
    new Map<Value, Value>([
      ['a', 1],
      [10, 2],
      [-1, 3],
      [100, 4],
    ]),
    'a40a0218640420036161' + '01',
  ],
  ['a function', new CuFunctionRef(7), 'd99c4007'],
  ['a function of the library', new CuFunctionRef('print'), 'd99c40657072696e74'],
];

for (const [name, value, expected] of EXAMPLES) {
  test(`encodes_deterministically: ${name}`, () => {
    assert.equal(hex(encode(value)), expected);
    assert.equal(hex(encode(decode(encode(value)) as Value)), hex(encode(plain(value))));
  });
}

/** A value as it comes back: whole floats become numbers that would be sent as integers. */
function plain(value: Value): Value {
  if (value instanceof CuFloat) return value.value;
  return typeof value === 'number' && Number.isInteger(value) ? value : value;
}

test('integers_beyond_2_to_the_53_come_back_as_bigints', () => {
  assert.equal(decode(encode(2n ** 53n)), 2n ** 53n);
  assert.equal(decode(encode(-(2n ** 53n))), -(2n ** 53n));
  assert.equal(decode(encode(2n ** 53n - 1n)), 2 ** 53 - 1);
  assert.equal(decode(encode(-(2n ** 53n - 1n))), -(2 ** 53 - 1));
});

test('a_member_named_proto_is_a_member_like_any_other', () => {
  const sent = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
  const back = decode(encode(sent)) as Record<string, unknown>;
  assert.deepEqual(Object.keys(back).sort(), ['__proto__', 'constructor']);
  assert.equal(Object.getPrototypeOf(back), Object.prototype);
  assert.equal((back as { polluted?: boolean }).polluted, undefined);
});

test('maps_with_other_keys_than_texts_come_back_as_maps', () => {
  const back = decode(unhex('a2016161616202'));
  assert.ok(back instanceof Map);
  assert.deepEqual(
    [...back],
    [
      [1, 'a'],
      ['b', 2],
    ],
  );
});

test('values_of_any_shape_come_back', () => {
  const random = new Random(4);
  const make = (depth: number): Value => {
    switch (random.below(depth > 4 ? 7 : 10)) {
      case 0:
        return random.below(2 ** 32) - 2 ** 31;
      case 1:
        return random.below(1000) / 8;
      case 2:
        return Buffer.from(random.bytes(random.below(40))).toString('latin1');
      case 3:
        return random.bytes(random.below(300));
      case 4:
        return null;
      case 5:
        return random.below(2) === 0;
      case 6:
        return (BigInt(random.below(2 ** 32)) - 2n ** 31n) * 2n ** BigInt(random.below(900)) + 2n ** 60n;
      case 7:
        return Array.from({ length: random.below(6) }, () => make(depth + 1));
      default:
        return Object.fromEntries(
          Array.from({ length: random.below(8) }, () => [`m${random.below(1000)}`, make(depth + 1)]),
        );
    }
  };
  for (let round = 0; round < 500; round++) {
    const value = make(0);
    assert.deepEqual(decode(encode(value)), value);
  }
});

test('what_is_no_value_is_refused_with_its_path', () => {
  const cyclic: Record<string, unknown> = { list: [1] };
  (cyclic.list as unknown[]).push(cyclic);
  const cases: [unknown, string][] = [
    [{ a: [1, { b: () => 1 }] }, 'value.a[1].b'],
    [{ when: new Date(0) }, 'value.when'],
    [[Symbol('s')], 'value[0]'],
    [cyclic, 'value.list[1]'],
    ['\ud800', 'value'],
    [{ '\ud800': 1 }, 'value (a key)'],
    [new Map([[1, new Set()]]), 'value[1]'],
    [new Float64Array(1), 'value'],
  ];
  for (const [value, place] of cases) {
    assert.throws(
      () => encode(value as Value),
      (error) => error instanceof CuError && error.code === 'invalid-value' && error.place === place,
      place,
    );
  }
});

test('a_shared_but_not_cyclic_value_is_written_twice', () => {
  const shared = [1];
  assert.equal(hex(encode([shared, shared])), '8281018101');
});

test('bytes_that_are_no_value_are_refused', () => {
  const cases = [
    '',
    '18',
    '1c',
    '61',
    '62c3',
    '61ff',
    '81',
    'a161',
    '9f01',
    'ff',
    'f8',
    'fc',
    '0000',
    'c001',
    'c201',
    'c26161',
    'c2c24101',
    'd99c4020',
    '7f01ff',
  ];
  for (const text of [...cases, '9b7fffffffffffffff', `${'81'.repeat(2000)}00`]) {
    assert.throws(
      () => decode(unhex(text)),
      (error) => error instanceof CuError && error.code === 'invalid-value',
      text,
    );
  }
});

test('well_formed_bytes_that_are_not_deterministic_are_read', () => {
  assert.equal(decode(unhex('1900ff')), 255);
  assert.deepEqual(decode(unhex('9f0102ff')), [1, 2]);
  assert.deepEqual(decode(unhex('bf616101ff')), { a: 1 });
  assert.equal(decode(unhex('7f61616162ff')), 'ab');
  assert.deepEqual(decode(unhex('5f41014102ff')), Uint8Array.of(1, 2));
  assert.equal(decode(unhex('c24205dc')), 1500);
  assert.equal(decode(unhex('c340')), -1);
  assert.equal(decode(unhex('c240')), 0);
  assert.equal(decode(unhex('c24a00010000000000000000')), 2n ** 64n);
});
