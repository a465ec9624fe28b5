/** Instances of the component: its core module, and the canonical ABI between it and this program. */
import { type Codec, codecs, type Flat, recordOf } from './codecs.ts';
import { Handles, Memory, type MemoryExports } from './memory.ts';
import type { Interfaces, Signature } from './types.ts';

type Core = (...args: Flat[]) => Flat | undefined;
type Callable = (...args: unknown[]) => unknown;

/** The host's functions by interface and name in camel case; a resource's class under its name with a capital. */
export type Imports = Readonly<Record<string, object>>;

/** Functions of the core module's own kind. Their results go to a place in memory. */
export type CoreImports = Readonly<Record<string, Readonly<Record<string, (memory: Memory) => Core>>>>;

/** What the component reports as the error of a call. */
export class ComponentError extends Error {
  readonly payload: unknown;

  constructor(payload: unknown) {
    super('the component reports an error');
    this.payload = payload;
  }
}

/** More parameters than these are put into memory. */
const MOST_PARAMETERS = 16;

/**
 * Makes an instance, and gives its exports by interface and name in camel case. They are synchronous, throw a `ComponentError`
 * for what the component reports, and anything else for a trap; the instance can't be used after that.
 */
export function instantiate(
  module: WebAssembly.Module,
  exported: Interfaces,
  imported: Interfaces,
  hosts: Imports,
  core: CoreImports,
): Record<string, Record<string, Callable>> {
  const handles = new Handles();
  const codecOf = codecs(handles);
  let memory: Memory | undefined;
  const imports: Record<string, Record<string, Core>> = {};
  for (const { module: face, name } of WebAssembly.Module.imports(module)) {
    const short = face.replace(/^cu:db\//, '').replace(/@.*$/, '');
    const ofCore = core[short]?.[name];
    imports[face] ??= {};
    if (name.startsWith('[resource-drop]')) {
      imports[face][name] = (handle) => void handles.take(Number(handle));
    } else if (ofCore !== undefined) {
      imports[face][name] = (...args) => ofCore(memory!)(...args);
    } else {
      imports[face][name] = lowered(imported[short]![name]!, implementation(hosts[short]!, name));
    }
  }
  const { exports } = new WebAssembly.Instance(module, imports);
  memory = new Memory(exports as unknown as MemoryExports);
  (exports._initialize as () => void)();

  const faces: Record<string, Record<string, Callable>> = {};
  for (const [symbol, run] of Object.entries(exports)) {
    const [, face, name] = /^cu:db\/([a-z-]+)@.*#(.*)$/.exec(symbol) ?? [];
    if (face === undefined) continue;
    faces[camel(face)] ??= {};
    const free = exports[`cabi_post_${symbol}`] as Core | undefined;
    faces[camel(face)]![camel(name!)] = lifted(exported[face]![name!]!, run as Core, free);
  }
  return faces;

  /** An export as a function of this program. */
  function lifted({ parameters, result, error }: Signature, run: Core, free: Core | undefined): Callable {
    const codecs = parameters.map(codecOf);
    const spilled = codecs.reduce((count, { flat }) => count + flat.length, 0) > MOST_PARAMETERS;
    const all = recordOf(codecs.map((codec, index) => [index, codec]));
    const ok = result && codecOf(result);
    const err = codecOf(error!);
    const offset = Math.max(ok?.align ?? 1, err.align);
    return (...args) => {
      const flat: Flat[] = [];
      if (spilled) {
        const at = memory!.allocate(all.size, all.align);
        all.store(memory!, args, at);
        flat.push(at);
      } else {
        all.lower(memory!, args, flat);
      }
      const at = Number(run(...flat)) >>> 0;
      const failed = memory!.view.getUint8(at) !== 0;
      const value = (failed ? err : ok)?.load(memory!, at + offset);
      free?.(at);
      if (failed) throw new ComponentError(value);
      return value;
    };
  }

  /** A function of the host as an import. */
  function lowered({ parameters, result, error }: Signature, run: Callable): Core {
    const codecs = parameters.map(codecOf);
    const ok = result && codecOf(result);
    const take = (flat: Iterator<Flat>) => codecs.map((codec) => codec.lift(memory!, flat));
    if (error === undefined) return plain(ok, take, run);
    const err = codecOf(error);
    const offset = Math.max(ok?.align ?? 1, err.align);
    return (...flat) => {
      const from = flat.values();
      const args = take(from);
      const at = Number(from.next().value) >>> 0;
      let value: unknown;
      try {
        value = run(...args);
      } catch (thrown) {
        if (!(thrown instanceof Error) || !('payload' in thrown)) throw thrown;
        memory!.view.setUint8(at, 1);
        err.store(memory!, thrown.payload, at + offset);
        return undefined;
      }
      memory!.view.setUint8(at, 0);
      ok?.store(memory!, value, at + offset);
      return undefined;
    };
  }

  /** One that can't fail: a result of one parameter is returned, others go to a place in memory. */
  function plain(ok: Codec | undefined, take: (flat: Iterator<Flat>) => unknown[], run: Callable): Core {
    return (...flat) => {
      const from = flat.values();
      const value = run(...take(from));
      if (ok === undefined) return undefined;
      if (ok.flat.length === 1) {
        const results: Flat[] = [];
        ok.lower(memory!, value, results);
        return results[0];
      }
      ok.store(memory!, value, Number(from.next().value) >>> 0);
      return undefined;
    };
  }
}

/** The host's function behind an import's name: `[method]snapshot.get-many` is a method of its first argument. */
function implementation(host: object, name: string): Callable {
  const [, kind, resource, member] = /^(?:\[(method|static)\]([^.]+)\.)?(.+)$/.exec(name)!;
  const own = camel(member!);
  if (kind === 'method') {
    return (self, ...args) => (self as Record<string, Callable>)[own]!(...args);
  }
  const functions = (kind === 'static' ? Reflect.get(host, capital(camel(resource!))) : host) as Record<
    string,
    Callable
  >;
  return (...args) => functions[own]!(...args);
}

function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

function capital(name: string): string {
  return name[0]!.toUpperCase() + name.slice(1);
}
