/** The exported functions, called by the names and with the arguments that the cases use. */
import type { CuError, Database } from '../../host-browser/src/index.ts';
import {
  encode,
  encodeBytes,
  encodeInteger,
  encodeList,
  encodeMap,
  encodeText,
  type Json,
  open,
} from './notation.ts';

export type Arguments = { readonly [name: string]: Json };

/** How a call failed: the error's case and what it carries. */
export interface Failure {
  readonly code: string;
  readonly place: string | undefined;
  readonly limit: string | undefined;
  readonly maximum: number | undefined;
  readonly table: string | undefined;
  readonly message: string;
  readonly traceback: string | undefined;
}

type ComponentKey = Parameters<Database['raw']['documents']['get']>[1];
type ComponentOptions = Parameters<Database['raw']['lua']['eval']>[2];
type Bytes = Uint8Array<ArrayBuffer>;

const NOTHING = Uint8Array.of(0xf6);
const flag = (value: boolean) => Uint8Array.of(value ? 0xf5 : 0xf4);
const optional = (value: Uint8Array | undefined) => value ?? NOTHING;
const record = (members: Record<string, Uint8Array>): Bytes =>
  encodeMap(Object.entries(members).map(([name, value]) => [encodeText(name), value]));

function text(args: Arguments, name: string): string {
  const value = optionalText(args, name);
  if (value === undefined) throw new Error(`args.${name} is missing`);
  return value;
}

function optionalText(args: Arguments, name: string): string | undefined {
  const value = args[name];
  if (value === undefined || value === null) return undefined;
  const opened = open(encode(value));
  if (opened?.major !== 3) throw new Error(`args.${name} is no text`);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(opened.body);
}

function value(args: Arguments, name: string): Bytes {
  const given = args[name];
  if (given === undefined) throw new Error(`args.${name} is missing`);
  return encode(given);
}

/** Bytes that are no value. */
function bytes(args: Arguments, name: string): Uint8Array {
  const opened = open(value(args, name));
  if (opened?.major !== 2) throw new Error(`args.${name} is no byte string`);
  return Uint8Array.from(opened.body);
}

function integer(given: Json): bigint {
  const opened = open(encode(given));
  if (opened?.major === 0) return opened.argument;
  if (opened?.major === 1) return -1n - opened.argument;
  throw new Error(`${JSON.stringify(given)} is no integer`);
}

function key(given: Json | undefined): ComponentKey {
  if (given === undefined) throw new Error('args.key is missing');
  const { major, body } = open(encode(given))!;
  if (major < 2) return { tag: 'integer', val: integer(given) };
  if (major === 2) return { tag: 'bytes', val: Uint8Array.from(body) };
  if (major === 3) return { tag: 'text', val: new TextDecoder('utf-8', { ignoreBOM: true }).decode(body) };
  throw new Error(`${JSON.stringify(given)} is no key`);
}

function keyReply(given: ComponentKey | undefined): Bytes {
  switch (given?.tag) {
    case undefined:
      return NOTHING;
    case 'integer':
      return encodeInteger(given.val);
    case 'text':
      return encodeText(given.val);
    case 'bytes':
      return encodeBytes(given.val);
  }
}

/** The time that a case's call takes for now unless it says another one. It is 2026-01-01. */
const CASE_TIME = 1_767_225_600n;

function options(args: Arguments): ComponentOptions {
  const given = (args.options ?? {}) as Arguments;
  const chunkName = optionalText(given, 'chunk-name');
  const options: ComponentOptions = {
    ...(chunkName !== undefined && { chunkName }),
    keepGlobals: given['keep-globals'] === true,
  };
  // What is stored must not depend on when the suite runs.
  options.time = CASE_TIME;
  for (const name of ['seed', 'time'] as const) {
    const value = given[name];
    if (value !== undefined) options[name] = integer(value);
  }
  return Object.assign(options, limits(given));
}

/** The limits by their names in the contract and in the bindings. */
const LIMITS = {
  memory: 'memory',
  instructions: 'instructions',
  'wall-clock': 'wallClock',
  'call-depth': 'callDepth',
  'result-size': 'resultSize',
  'output-size': 'outputSize',
  'transaction-size': 'transactionSize',
  'function-size': 'functionSize',
  'cache-size': 'cacheSize',
} as const;

type ComponentLimits = Parameters<Database['raw']['admin']['setLimits']>[0];

function limits(given: Arguments): ComponentLimits {
  const limits: ComponentLimits = {};
  for (const [name, member] of Object.entries(LIMITS)) {
    const value = given[name];
    if (value !== undefined && value !== null) limits[member] = integer(value);
  }
  return limits;
}

function limitsReply(given: ComponentLimits): Bytes {
  return record(
    Object.fromEntries(
      Object.entries(LIMITS).map(([name, member]) => {
        const value = given[member];
        return [name, value === undefined ? NOTHING : encodeInteger(value)];
      }),
    ),
  );
}

function range(args: Arguments) {
  const given = args.range as Arguments;
  return {
    ...(given.start !== undefined && { start: key(given.start) }),
    ...(given.end !== undefined && { end: key(given.end) }),
    backward: given.backward === true,
    limit: Number(integer(given.limit!)),
  };
}

function indexInfo(info: Awaited<ReturnType<Database['raw']['indexes']['create']>>): Bytes {
  return record({
    name: encodeText(info.name),
    definition: info.definition,
    entries: encodeInteger(info.entries),
  });
}

type Call = (raw: Database['raw'], args: Arguments) => Promise<Uint8Array>;

const CALLS: { readonly [name: string]: Call } = {
  'tables.list': async (raw) =>
    encodeList(
      (await raw.tables.list()).map(({ name, documents, indexes }) =>
        record({
          name: encodeText(name),
          documents: encodeInteger(documents),
          indexes: encodeInteger(indexes),
        }),
      ),
    ),
  'tables.drop': async (raw, args) => flag(await raw.tables.drop(text(args, 'table'))),
  'documents.get': async (raw, args) => optional(await raw.documents.get(text(args, 'table'), key(args.key))),
  'documents.put': async (raw, args) => {
    await raw.documents.put(text(args, 'table'), key(args.key), value(args, 'value'));
    return NOTHING;
  },
  'documents.delete': async (raw, args) =>
    flag(await raw.documents.delete(text(args, 'table'), key(args.key))),
  'documents.get-many': (raw, args) => raw.documents.getMany(text(args, 'table'), value(args, 'keys')),
  'documents.scan': async (raw, args) => {
    const page = await raw.documents.scan(text(args, 'table'), range(args));
    return record({ rows: page.rows, next: keyReply(page.next) });
  },
  'documents.apply': (raw, args) => raw.documents.apply(value(args, 'operations')),
  'indexes.create': async (raw, args) =>
    indexInfo(await raw.indexes.create(text(args, 'table'), value(args, 'definition'))),
  'indexes.build-step': async (raw, args) => raw.indexes.buildStep(text(args, 'table'), text(args, 'name')),
  'indexes.drop': async (raw, args) => flag(await raw.indexes.drop(text(args, 'table'), text(args, 'name'))),
  'indexes.statistics': async (raw, args) => raw.indexes.statistics(text(args, 'table'), text(args, 'name')),
  'indexes.list': async (raw, args) =>
    encodeList((await raw.indexes.list(text(args, 'table'))).map(indexInfo)),
  'queries.run': (raw, args) => raw.queries.run(value(args, 'query')),
  'queries.page': async (raw, args) => {
    const page = await raw.queries.page(value(args, 'query'));
    return record({
      rows: page.rows,
      next: optional(page.next === undefined ? undefined : encodeBytes(page.next)),
    });
  },
  'queries.count': async (raw, args) => encodeInteger(await raw.queries.count(value(args, 'query'))),
  'queries.explain': (raw, args) => raw.queries.explain(value(args, 'query')),
  'lua.eval': (raw, args) => raw.lua.eval(text(args, 'source'), value(args, 'arguments'), options(args)),
  'functions.persist': async (raw, args) => {
    await raw.functions.persist(text(args, 'table'), text(args, 'name'), text(args, 'source'), options(args));
    return NOTHING;
  },
  'functions.persist-bytecode': async (raw, args) => {
    const bytecode = open(value(args, 'bytecode'))!.body;
    await raw.functions.persistBytecode(text(args, 'table'), text(args, 'name'), bytecode, options(args));
    return NOTHING;
  },
  'functions.call': (raw, args) =>
    raw.functions.call(text(args, 'table'), text(args, 'name'), value(args, 'arguments'), options(args)),
  'functions.list': async (raw, args) =>
    encodeList(
      (await raw.functions.list(optionalText(args, 'table'))).map((info) =>
        record({
          table: encodeText(info.table),
          name: encodeText(info.name),
          size: encodeInteger(info.size),
          bytecode: flag(info.bytecode),
          upvalues: encodeList(info.upvalues.map(encodeText)),
          names: encodeList(info.names.map(encodeText)),
          stored: encodeInteger(info.stored),
        }),
      ),
    ),
  'functions.statistics': async (raw) =>
    encodeList(
      (await raw.functions.statistics()).map((info) =>
        // How long it took is another number each time.
        record({
          table: encodeText(info.table),
          name: encodeText(info.name),
          calls: encodeInteger(info.calls),
          failures: encodeInteger(info.failures),
        }),
      ),
    ),
  'functions.source': async (raw, args) => {
    const source = await raw.functions.source(text(args, 'table'), text(args, 'name'));
    return source === undefined ? NOTHING : encodeText(source);
  },
  'functions.delete': async (raw, args) =>
    flag(await raw.functions.delete(text(args, 'table'), text(args, 'name'))),
  'functions.rename': async (raw, args) =>
    flag(
      await raw.functions.rename(
        text(args, 'table'),
        text(args, 'name'),
        text(args, 'new-table'),
        text(args, 'new-name'),
      ),
    ),
  'changes.configure': async (raw, args) => {
    await raw.changes.configure(args.settings === undefined ? undefined : value(args, 'settings'));
    return NOTHING;
  },
  'changes.read': (raw, args) => raw.changes.read(value(args, 'request')),
  'admin.stats': (raw) => raw.admin.stats(),
  'admin.limits': async (raw) => limitsReply(await raw.admin.limits()),
  'admin.set-limits': async (raw, args) => {
    await raw.admin.setLimits(limits(args.limits as Arguments));
    return NOTHING;
  },
  'admin.digest': async (raw) => encodeBytes(await raw.admin.digest()),
  'archive.export-page': async (raw, args) => {
    const after = args.after === undefined ? undefined : bytes(args, 'after');
    const { entries, next, version } = await raw.archive.exportPage(after);
    return record({
      entries: encodeBytes(entries),
      next: next === undefined ? NOTHING : encodeBytes(next),
      version: encodeInteger(version),
    });
  },
  'archive.import-page': async (raw, args) => {
    await raw.archive.importPage(bytes(args, 'entries'));
    return NOTHING;
  },
  'archive.finish-import': async (raw, args) => flag(await raw.archive.finishImport(bytes(args, 'digest'))),
  'archive.abort-import': async (raw) => flag(await raw.archive.abortImport()),
};

/**
 * Calls an exported function and gives its result as a CBOR value: records are maps of their
 * members, options are null or the value, a result without a value is null.
 */
export async function call(db: Database, name: string, args: Arguments): Promise<Uint8Array> {
  const found = CALLS[name];
  if (found === undefined) throw new Error(`there is no call '${name}'`);
  return found(db.raw, args);
}

/** What an exception of the package carries; undefined for any other exception. */
export function failureOf(thrown: unknown): Failure | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || thrown.name !== 'CuError') return undefined;
  const error = thrown as CuError;
  const details = error.details as { code?: string; place?: string } | undefined;
  return {
    code: error.code,
    place: error.place,
    limit: error.limit,
    maximum: error.maximum === undefined ? undefined : Number(error.maximum),
    table: details?.code === 'unknown-table' ? details.place : undefined,
    message: error.message,
    traceback: error.traceback,
  };
}
