/** Values as they are written in the case files, to and from CBOR. It shares nothing with the package's codec. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes that grow at their end. */
class Writer {
  #bytes = new Uint8Array(256);
  #length = 0;

  append(bytes: ArrayLike<number>, times = 1): void {
    const end = this.#length + bytes.length * times;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    for (; this.#length < end; this.#length += bytes.length) this.#bytes.set(bytes, this.#length);
  }

  head(major: number, argument: number | bigint): void {
    const first = major << 5;
    const big = BigInt(argument);
    const [info, size] =
      big < 24n
        ? [Number(big), 0]
        : big < 0x100n
          ? [24, 1]
          : big < 0x10000n
            ? [25, 2]
            : big < 0x1_0000_0000n
              ? [26, 4]
              : [27, 8];
    const bytes = [first | info];
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8)
      bytes.push(Number((big >> BigInt(shift)) & 0xffn));
    this.append(bytes);
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}

function written(write: (out: Writer) => void): Uint8Array<ArrayBuffer> {
  const out = new Writer();
  write(out);
  return out.done();
}

/** The deterministic CBOR of a value in the notation; `$cbor` parts are taken as they are. */
export function encode(value: Json): Uint8Array<ArrayBuffer> {
  return written((out) => write(value, out));
}

export function encodeInteger(value: number | bigint): Uint8Array<ArrayBuffer> {
  return written((out) => writeInteger(BigInt(value), out));
}

export function encodeText(value: string): Uint8Array<ArrayBuffer> {
  return written((out) => writeString(3, utf8.encode(value), out));
}

export function encodeBytes(value: Uint8Array): Uint8Array<ArrayBuffer> {
  return written((out) => writeString(2, value, out));
}

export function encodeList(elements: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return written((out) => {
    out.head(4, elements.length);
    for (const element of elements) out.append(element);
  });
}

/** A map of encoded keys and values, in any order. */
export function encodeMap(entries: readonly (readonly [Uint8Array, Uint8Array])[]): Uint8Array<ArrayBuffer> {
  return written((out) => writeMap(entries, out));
}

function writeInteger(value: bigint, out: Writer): void {
  const number = value < 0n ? -1n - value : value;
  if (number < 2n ** 63n) {
    out.head(value < 0n ? 1 : 0, number);
    return;
  }
  const digits = number.toString(16);
  out.head(6, value < 0n ? 3 : 2);
  writeString(2, fromHex(digits.length % 2 === 0 ? digits : `0${digits}`), out);
}

function writeString(major: number, bytes: Uint8Array, out: Writer): void {
  out.head(major, bytes.length);
  out.append(bytes);
}

function writeMap(entries: readonly (readonly [Uint8Array, Uint8Array])[], out: Writer): void {
  const sorted = [...entries].sort(([a], [b]) => compareBytes(a, b));
  out.head(5, sorted.length);
  let previous: Uint8Array | undefined;
  for (const [key, value] of sorted) {
    if (previous !== undefined && compareBytes(previous, key) === 0)
      throw new Error(`${show(key)} is there twice`);
    previous = key;
    out.append(key);
    out.append(value);
  }
}

export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < a.length && at < b.length; at++) {
    if (a[at] !== b[at]) return a[at]! - b[at]!;
  }
  return a.length - b.length;
}

function write(value: Json, out: Writer): void {
  if (value === null) out.append([0xf6]);
  else if (typeof value === 'boolean') out.append([value ? 0xf5 : 0xf4]);
  else if (typeof value === 'string') writeString(3, utf8.encode(value), out);
  else if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) writeInteger(BigInt(value), out);
    else if (!Number.isInteger(value)) writeFloat(value, out);
    else throw new Error(`${value} is not exact everywhere: use $int or $float`);
  } else if (Array.isArray(value)) {
    out.head(4, value.length);
    for (const element of value as readonly Json[]) write(element, out);
  } else {
    const members = Object.entries(value as { readonly [name: string]: Json });
    const special = members.find(([name]) => name.startsWith('$'));
    if (special === undefined) {
      writeMap(
        members.map(([name, member]) => [encodeText(name), encode(member)]),
        out,
      );
    } else {
      if (members.length > 1) throw new Error(`${special[0]} stands beside other members`);
      writeSpecial(special[0], special[1], out);
    }
  }
}

function writeSpecial(name: string, operand: Json, out: Writer): void {
  if (typeof operand === 'string') {
    switch (name) {
      case '$int':
        writeInteger(BigInt(operand), out);
        return;
      case '$float':
        writeFloat(parseFloatText(operand), out);
        return;
      case '$bytes':
        writeString(2, fromHex(operand), out);
        return;
      case '$cbor':
        out.append(fromHex(operand));
        return;
    }
  } else if (Array.isArray(operand)) {
    const operands = operand as readonly Json[];
    switch (name) {
      case '$lines':
        writeString(3, utf8.encode(operands.join('\n')), out);
        return;
      case '$map':
        writeMap(
          operands.map((pair) => {
            const [key, value] = pair as readonly [Json, Json];
            return [encode(key), encode(value)];
          }),
          out,
        );
        return;
      case '$repeat': {
        const [unit, times] = operands as readonly [Json, number];
        const { major, argument, body } = open(encode(unit))!;
        if (major < 2 || major > 4) throw new Error('$repeat takes a text, byte string or list');
        out.head(major, argument * BigInt(times));
        out.append(body, times);
        return;
      }
      case '$nest': {
        const [depth, inner, member] = operands as readonly [number, Json, Json?];
        for (let level = 0; level < depth; level++) {
          out.head(member === undefined ? 4 : 5, 1);
          if (member !== undefined) write(member, out);
        }
        write(inner, out);
        return;
      }
    }
  }
  throw new Error(`${name} can't have ${JSON.stringify(operand)}`);
}

function parseFloatText(text: string): number {
  const named: Record<string, number> = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };
  const value = named[text] ?? Number(text);
  if (Number.isNaN(value) && text !== 'nan') throw new Error(`${text} is no float`);
  return value;
}

/** Writes a float in the shortest form that keeps its value. */
function writeFloat(value: number, out: Writer): void {
  const half = halfBits(value);
  const view = new DataView(new ArrayBuffer(9));
  let size: number;
  if (half !== undefined) {
    view.setUint8(0, 0xf9);
    view.setUint16(1, half);
    size = 3;
  } else if (Math.fround(value) === value) {
    view.setUint8(0, 0xfa);
    view.setFloat32(1, value);
    size = 5;
  } else {
    view.setUint8(0, 0xfb);
    view.setFloat64(1, value);
    size = 9;
  }
  out.append(new Uint8Array(view.buffer, 0, size));
}

/** The bits of the half-precision float of exactly this value: 11 bits times a power of two. */
function halfBits(value: number): number | undefined {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (!Number.isFinite(value)) return sign | 0x7c00;
  for (let exponent = 0; exponent < 30; exponent++) {
    const whole = Math.abs(value) * 2 ** (24 - exponent);
    if (!Number.isInteger(whole) || whole > 2047) continue;
    if (whole < 1024) return exponent === 0 ? sign | whole : undefined;
    return sign | ((exponent + 1) << 10) | (whole - 1024);
  }
  return undefined;
}

export function fromHex(digits: string): Uint8Array<ArrayBuffer> {
  const pairs = digits.replaceAll(' ', '').match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

interface Opened {
  readonly major: number;
  readonly argument: bigint;
  readonly body: Uint8Array;
}

/** Major type, argument and the bytes behind the head. */
export function open(value: Uint8Array): Opened | undefined {
  const first = value[0];
  if (first === undefined) return undefined;
  const info = first & 0x1f;
  const size = info < 24 ? 0 : 2 ** (info - 24);
  if (info > 27 || value.length < 1 + size) return undefined;
  let argument = size === 0 ? BigInt(info) : 0n;
  for (let at = 1; at <= size; at++) argument = (argument << 8n) | BigInt(value[at]!);
  return { major: first >> 5, argument, body: value.subarray(1 + size) };
}

/** The entries of a map; undefined for anything else. */
export function mapEntries(value: Uint8Array): [Uint8Array, Uint8Array][] | undefined {
  const opened = open(value);
  if (opened?.major !== 5) return undefined;
  const entries: [Uint8Array, Uint8Array][] = [];
  let { body } = opened;
  const take = () => {
    const size = skip(body);
    const taken = body.subarray(0, size);
    body = body.subarray(size);
    return taken;
  };
  for (let left = opened.argument; left > 0n; left--) entries.push([take(), take()]);
  return entries;
}

/** The size of the value at the beginning of the bytes. */
function skip(bytes: Uint8Array): number {
  let rest = bytes;
  for (let pending = 1n; pending > 0n; pending--) {
    const opened = open(rest);
    if (opened === undefined) throw new Error('the CBOR ends too early');
    const { major, argument, body } = opened;
    rest = major === 2 || major === 3 ? body.subarray(Number(argument)) : body;
    if (major === 4) pending += argument;
    else if (major === 5) pending += 2n * argument;
    else if (major === 6) pending += 1n;
  }
  return bytes.length - rest.length;
}

const SHOWN = 600;

/** The value for people, as CBOR's diagnostic notation writes it; hexadecimal if it is malformed. */
export function show(value: Uint8Array): string {
  let text: string;
  try {
    const [shown, rest] = showOne(value);
    text = rest.length === 0 ? shown : `malformed ${toHex(value)}`;
  } catch {
    text = `malformed ${toHex(value)}`;
  }
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}… (${text.length} characters)` : text;
}

function showOne(value: Uint8Array): [string, Uint8Array] {
  const opened = open(value);
  if (opened === undefined) throw new Error('malformed');
  const { major, argument, body } = opened;
  switch (major) {
    case 0:
      return [String(argument), body];
    case 1:
      return [String(-1n - argument), body];
    case 2:
    case 3: {
      const bytes = body.subarray(0, Number(argument));
      if (bytes.length < argument) throw new Error('malformed');
      const rest = body.subarray(bytes.length);
      return [major === 2 ? `h'${toHex(bytes)}'` : JSON.stringify(strictUtf8.decode(bytes)), rest];
    }
    case 4:
    case 5: {
      const parts: string[] = [];
      let rest = body;
      const next = () => {
        const [shown, behind] = showOne(rest);
        rest = behind;
        return shown;
      };
      for (let left = argument; left > 0n; left--) parts.push(major === 4 ? next() : `${next()}: ${next()}`);
      return [major === 4 ? `[${parts.join(', ')}]` : `{${parts.join(', ')}}`, rest];
    }
    case 6: {
      const [shown, rest] = showOne(body);
      return [`${argument}(${shown})`, rest];
    }
    default:
      return [showSimple(value), body];
  }
}

function showSimple(value: Uint8Array): string {
  const view = new DataView(value.buffer, value.byteOffset);
  switch (value[0]) {
    case 0xf4:
      return 'false';
    case 0xf5:
      return 'true';
    case 0xf6:
      return 'null';
    case 0xf9:
      return `half ${toHex(value.subarray(1, 3))}`;
    case 0xfa:
      return `${view.getFloat32(1)}_2`;
    case 0xfb:
      return `${view.getFloat64(1)}_3`;
    default:
      return `simple(${value[0]! & 0x1f})`;
  }
}
