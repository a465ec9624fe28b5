/**
 * How values of each type cross: in memory, and as parameters ("flat"). It is the canonical ABI of the component
 * model, as far as `wit/` uses it.
 */
import type { Handles, Memory } from './memory.ts';
import type { Type } from './types.ts';

/** A parameter of a core function. */
export type Flat = number | bigint;

export interface Codec {
  readonly size: number;
  readonly align: number;
  /** The core types of the parameters that a value becomes. */
  readonly flat: readonly ('i32' | 'i64')[];
  load(memory: Memory, at: number): unknown;
  store(memory: Memory, value: unknown, at: number): void;
  /** Appends the parameters. */
  lower(memory: Memory, value: unknown, to: Flat[]): void;
  /** Takes the parameters. */
  lift(memory: Memory, from: Iterator<Flat>): unknown;
}

/** Makes the codecs of an instance. Handles are the instance's own. */
export function codecs(handles: Handles): (type: Type) => Codec {
  const known = new Map<Type, Codec>();
  const codecOf = (type: Type): Codec => {
    let codec = known.get(type);
    if (codec === undefined) {
      codec = make(type);
      known.set(type, codec);
    }
    return codec;
  };
  const make = (type: Type): Codec => {
    if (typeof type === 'string') return PLAIN[type];
    if ('list' in type) return listOf(codecOf(type.list));
    if ('option' in type) return optionOf(codecOf(type.option));
    if ('tuple' in type) return recordOf(type.tuple.map((member, index) => [index, codecOf(member)]));
    if ('record' in type) return recordOf(type.record.map(([name, member]) => [name, codecOf(member)]));
    if ('variant' in type) {
      return variantOf(type.variant.map(([tag, payload]) => [tag, payload && codecOf(payload)]));
    }
    if ('enum' in type) return enumOf(type.enum);
    return handleOf(handles, 'own' in type);
  };
  return codecOf;
}

/** The offset from which on something of this alignment may lie. */
export function aligned(offset: number, align: number): number {
  return Math.ceil(offset / align) * align;
}

const next = (from: Iterator<Flat>) => from.next().value as Flat;

/** A codec of a value that is one parameter. */
function scalar(
  size: 1 | 4 | 8,
  load: (view: DataView, at: number) => unknown,
  store: (view: DataView, value: never, at: number) => void,
  lower: (value: never) => Flat,
  lift: (flat: Flat) => unknown,
): Codec {
  return {
    size,
    align: size,
    flat: [size === 8 ? 'i64' : 'i32'],
    load: (memory, at) => load(memory.view, at),
    store: (memory, value, at) => store(memory.view, value as never, at),
    lower: (_, value, to) => void to.push(lower(value as never)),
    lift: (_, from) => lift(next(from)),
  };
}

/** A codec of what is somewhere else in memory, at a place and of a length. */
function remote<T>(
  get: (memory: Memory, at: number, length: number) => T,
  put: (memory: Memory, value: T) => [at: number, length: number],
): Codec {
  return {
    size: 8,
    align: 4,
    flat: ['i32', 'i32'],
    load: (memory, at) => get(memory, memory.view.getUint32(at, true), memory.view.getUint32(at + 4, true)),
    store(memory, value, at) {
      const [place, length] = put(memory, value as T);
      memory.view.setUint32(at, place, true);
      memory.view.setUint32(at + 4, length, true);
    },
    lower: (memory, value, to) => void to.push(...put(memory, value as T)),
    lift: (memory, from) => get(memory, Number(next(from)) >>> 0, Number(next(from)) >>> 0),
  };
}

const PLAIN: { readonly [Name in Type & string]: Codec } = {
  bool: scalar(
    1,
    (view, at) => view.getUint8(at) !== 0,
    (view, value: boolean, at) => view.setUint8(at, value ? 1 : 0),
    (value: boolean) => (value ? 1 : 0),
    (flat) => flat !== 0,
  ),
  u32: scalar(
    4,
    (view, at) => view.getUint32(at, true),
    (view, value: number, at) => view.setUint32(at, value, true),
    (value: number) => value,
    (flat) => Number(flat) >>> 0,
  ),
  u64: scalar(
    8,
    (view, at) => view.getBigUint64(at, true),
    (view, value: bigint, at) => view.setBigUint64(at, value, true),
    (value: bigint) => value,
    (flat) => BigInt.asUintN(64, flat as bigint),
  ),
  s64: scalar(
    8,
    (view, at) => view.getBigInt64(at, true),
    (view, value: bigint, at) => view.setBigInt64(at, value, true),
    (value: bigint) => value,
    (flat) => flat,
  ),
  string: remote(
    (memory, at, length) => memory.text(at, length),
    (memory, value) => memory.putText(value),
  ),
  bytes: remote(
    (memory, at, length) => memory.bytes(at, length),
    (memory, value) => [memory.putBytes(value), value.length],
  ),
};

function listOf(element: Codec): Codec {
  return remote(
    (memory, at, length) =>
      Array.from({ length }, (_, index) => element.load(memory, at + index * element.size)),
    (memory, values: readonly unknown[]) => {
      const at = memory.allocate(values.length * element.size, element.align);
      values.forEach((value, index) => {
        element.store(memory, value, at + index * element.size);
      });
      return [at, values.length];
    },
  );
}

function enumOf(names: readonly string[]): Codec {
  return scalar(
    1,
    (view, at) => names[view.getUint8(at)],
    (view, name: string, at) => view.setUint8(at, names.indexOf(name)),
    (name: string) => names.indexOf(name),
    (flat) => names[Number(flat)],
  );
}

function handleOf(handles: Handles, owned: boolean): Codec {
  const lift = (handle: Flat) => (owned ? handles.take(Number(handle)) : handles.get(Number(handle)));
  return scalar(
    4,
    (view, at) => lift(view.getUint32(at, true)),
    (view, value: unknown, at) => view.setUint32(at, handles.add(value), true),
    (value: unknown) => handles.add(value),
    lift,
  );
}

/** Members one behind the other, by names or, for a tuple, by numbers. */
export function recordOf(members: readonly (readonly [name: string | number, codec: Codec])[]): Codec {
  const align = Math.max(1, ...members.map(([, codec]) => codec.align));
  let end = 0;
  const fields = members.map(([name, codec]) => {
    const offset = aligned(end, codec.align);
    end = offset + codec.size;
    return { name, codec, offset };
  });
  type Members = Record<string | number, unknown>;
  return {
    size: aligned(end, align),
    align,
    flat: fields.flatMap(({ codec }) => codec.flat),
    load: (memory, at) =>
      Object.fromEntries(fields.map(({ name, codec, offset }) => [name, codec.load(memory, at + offset)])),
    store(memory, value, at) {
      for (const { name, codec, offset } of fields)
        codec.store(memory, (value as Members)[name], at + offset);
    },
    lower(memory, value, to) {
      for (const { name, codec } of fields) codec.lower(memory, (value as Members)[name], to);
    },
    lift: (memory, from) =>
      Object.fromEntries(fields.map(({ name, codec }) => [name, codec.lift(memory, from)])),
  };
}

function optionOf(payload: Codec): Codec {
  const offset = payload.align;
  const none = payload.flat.map((type) => (type === 'i64' ? 0n : 0));
  const isNone = (value: unknown) => value === undefined || value === null;
  return {
    size: aligned(offset + payload.size, payload.align),
    align: payload.align,
    flat: ['i32', ...payload.flat],
    load: (memory, at) => (memory.view.getUint8(at) === 0 ? undefined : payload.load(memory, at + offset)),
    store(memory, value, at) {
      memory.view.setUint8(at, isNone(value) ? 0 : 1);
      if (!isNone(value)) payload.store(memory, value, at + offset);
    },
    lower(memory, value, to) {
      to.push(isNone(value) ? 0 : 1);
      if (isNone(value)) to.push(...none);
      else payload.lower(memory, value, to);
    },
    lift: (memory, from) => {
      if (next(from) !== 0) return payload.lift(memory, from);
      for (const _ of none) next(from);
      return undefined;
    },
  };
}

function variantOf(cases: readonly (readonly [tag: string, payload: Codec | undefined])[]): Codec {
  const align = Math.max(1, ...cases.map(([, payload]) => payload?.align ?? 1));
  const size = Math.max(0, ...cases.map(([, payload]) => payload?.size ?? 0));
  // The cases share their parameters: one that is an i64 in any of them is in all.
  const shared: ('i32' | 'i64')[] = [];
  for (const [, payload] of cases) {
    payload?.flat.forEach((type, index) => {
      if (shared[index] !== 'i64') shared[index] = type;
    });
  }
  const caseOf = (value: unknown) => {
    const { tag } = value as { tag: string };
    const index = cases.findIndex(([name]) => name === tag);
    if (index < 0) throw new TypeError(`there is no case "${tag}"`);
    return { index, payload: cases[index]![1], val: (value as { val?: unknown }).val };
  };
  return {
    size: aligned(align + size, align),
    align,
    flat: ['i32', ...shared],
    load(memory, at) {
      const [tag, payload] = cases[memory.view.getUint8(at)]!;
      return payload === undefined ? { tag } : { tag, val: payload.load(memory, at + align) };
    },
    store(memory, value, at) {
      const { index, payload, val } = caseOf(value);
      memory.view.setUint8(at, index);
      payload?.store(memory, val, at + align);
    },
    lower(memory, value, to) {
      const { index, payload, val } = caseOf(value);
      const own: Flat[] = [];
      payload?.lower(memory, val, own);
      to.push(index, ...shared.map((type, at) => (type === 'i64' ? BigInt(own[at] ?? 0) : (own[at] ?? 0))));
    },
    lift() {
      throw new Error('no function that the component imports takes a variant');
    },
  };
}
