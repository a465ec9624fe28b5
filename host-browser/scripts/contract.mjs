/**
 * Reads `wit/` into data for `src/engine/abi`: the signatures of what the component exports and imports, with all types
 * resolved. It knows as much of WIT as `wit/` uses, and refuses the rest.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The TypeScript of `src/generated/contract.ts`. */
export async function contract(directory) {
  const files = (await readdir(directory)).filter((name) => name.endsWith('.wit'));
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')));
  const interfaces = new Map();
  const worlds = texts.flatMap((text) => new Parser(text, interfaces).file());
  if (worlds.length !== 1) throw new Error(`wit/ has ${worlds.length} worlds, and not one`);
  const { imports, exports } = worlds[0];
  const names = new Map();
  const signatures = (faces) =>
    faces.map((face) => {
      const { functions, scope } = interfaces.get(face);
      const members = functions.map(([name, signature]) => `'${name}': ${signatureText(signature, scope)}`);
      return `  '${face}': {\n    ${members.join(',\n    ')},\n  },\n`;
    });

  /** A type's text: what has a name becomes a constant, so that equal types are one. */
  function typeText(type, scope) {
    if (typeof type === 'string') {
      if (PLAIN.has(type)) return `'${type}'`;
      const [owner, named] = resolve(type, scope, interfaces);
      if ('resource' in named) return `{ own: '${type}' }`;
      const constant = `${owner}_${type}`.replaceAll('-', '_');
      if (!names.has(constant)) {
        names.set(constant, undefined);
        names.delete(constant);
        const text = typeText(named, interfaces.get(owner).scope);
        if (text.startsWith("'")) return text;
        names.set(constant, text);
      }
      return constant;
    }
    const [[kind, inner]] = Object.entries(type);
    switch (kind) {
      case 'list':
        return inner === 'u8' ? "'bytes'" : `{ list: ${typeText(inner, scope)} }`;
      case 'option':
        return `{ option: ${typeText(inner, scope)} }`;
      case 'tuple':
        return `{ tuple: [${inner.map((member) => typeText(member, scope)).join(', ')}] }`;
      case 'record':
        return `{ record: [${inner.map(([name, member]) => `['${camel(name)}', ${typeText(member, scope)}]`).join(', ')}] }`;
      case 'variant':
        return `{ variant: [${inner.map(([tag, member]) => `['${tag}'${member === undefined ? '' : `, ${typeText(member, scope)}`}]`).join(', ')}] }`;
      case 'enum':
        return `{ enum: [${inner.map((name) => `'${name}'`).join(', ')}] }`;
      case 'borrow':
        return `{ borrow: '${inner}' }`;
      default:
        throw new Error(`src/engine/abi knows no type ${kind}`);
    }
  }

  function signatureText({ parameters, result }, scope) {
    const parts = [`parameters: [${parameters.map((type) => typeText(type, scope)).join(', ')}]`];
    if (typeof result === 'object' && 'result' in result) {
      const [ok, error] = result.result;
      if (ok !== undefined) parts.push(`result: ${typeText(ok, scope)}`);
      parts.push(`error: ${typeText(error, scope)}`);
    } else if (result !== undefined) {
      parts.push(`result: ${typeText(result, scope)}`);
    }
    return `{ ${parts.join(', ')} }`;
  }

  const exported = signatures(exports);
  const imported = signatures(imports.filter((face) => interfaces.has(face)));
  const constants = [...names].map(([name, text]) => `const ${name}: Type = ${text};\n`);
  return [
    '/** The signatures of `wit/`. */\n',
    "import type { Interfaces, Type } from '../engine/abi/types.ts';\n\n",
    ...constants,
    '\nexport const exported: Interfaces = {\n',
    ...exported,
    '};\n\nexport const imported: Interfaces = {\n',
    ...imported,
    '};\n',
  ].join('');
}

const PLAIN = new Set(['bool', 'u32', 'u64', 's64', 'string']);

function resolve(name, scope, interfaces) {
  const found = scope.get(name);
  if (found === undefined) throw new Error(`wit/ has no type ${name}`);
  return found.from === undefined
    ? [found.owner, found.type]
    : resolve(name, interfaces.get(found.from).scope, interfaces);
}

function camel(name) {
  return name.replace(/-(.)/g, (_, letter) => letter.toUpperCase());
}

class Parser {
  constructor(text, interfaces) {
    const code = text.replace(/\/\/.*$/gm, '').replace(/@since\([^)]*\)/g, '');
    this.tokens = code.match(/%?[a-z][a-z0-9-]*|->|[^\sa-z]/gi) ?? [];
    this.at = 0;
    this.interfaces = interfaces;
  }

  file() {
    const worlds = [];
    while (this.at < this.tokens.length) {
      const word = this.take();
      if (word === 'package') while (this.take() !== ';');
      else if (word === 'interface') this.interface();
      else if (word === 'world') worlds.push(this.world());
      else throw new Error(`wit/ has "${word}" where an interface should begin`);
    }
    return worlds;
  }

  world() {
    this.take();
    this.take('{');
    const faces = { import: [], export: [] };
    while (!this.taken('}')) {
      const kind = this.take();
      faces[kind].push(this.take());
      this.take(';');
    }
    return { imports: faces.import, exports: faces.export };
  }

  interface() {
    const owner = this.take();
    const scope = new Map();
    const functions = [];
    this.interfaces.set(owner, { scope, functions });
    this.take('{');
    while (!this.taken('}')) {
      const word = this.take();
      const name = this.peek() === ':' ? word.replace('%', '') : this.take();
      const define = (type) => scope.set(name, { owner, type });
      switch (this.peek() === ':' ? 'function' : word) {
        case 'function':
          functions.push([name, this.function()]);
          break;
        case 'use':
          this.take('.');
          for (const used of this.list('{', '}', () => this.take())) scope.set(used, { from: name });
          this.take(';');
          break;
        case 'type':
          this.take('=');
          define(this.type());
          this.take(';');
          break;
        case 'record':
          define({ record: this.list('{', '}', () => this.named()) });
          break;
        case 'enum':
          define({ enum: this.list('{', '}', () => this.take()) });
          break;
        case 'variant':
          define({
            variant: this.list('{', '}', () => {
              const tag = this.take();
              if (!this.taken('(')) return [tag];
              const payload = this.type();
              this.take(')');
              return [tag, payload];
            }),
          });
          break;
        case 'resource':
          define({ resource: name });
          this.take('{');
          while (!this.taken('}')) functions.push(this.member(name));
          break;
        default:
          throw new Error(`scripts/contract.mjs knows no "${word}" of WIT`);
      }
    }
  }

  member(resource) {
    const name = this.take();
    this.take(':');
    if (this.taken('static')) return [`[static]${resource}.${name}`, this.signature()];
    const { parameters, result } = this.signature();
    return [`[method]${resource}.${name}`, { parameters: [{ borrow: resource }, ...parameters], result }];
  }

  function() {
    this.take(':');
    return this.signature();
  }

  signature() {
    this.take('func');
    const parameters = this.list('(', ')', () => this.named()[1]);
    const result = this.taken('->') ? this.type() : undefined;
    this.take(';');
    return { parameters, result };
  }

  named() {
    const name = this.take().replace('%', '');
    this.take(':');
    return [name, this.type()];
  }

  type() {
    const word = this.take();
    switch (word) {
      case 'list':
      case 'option':
        return { [word]: this.list('<', '>', () => this.type())[0] };
      case 'tuple':
        return { tuple: this.list('<', '>', () => this.type()) };
      case 'result':
        return { result: this.list('<', '>', () => (this.taken('_') ? undefined : this.type())) };
      default:
        return word;
    }
  }

  list(open, close, element) {
    this.take(open);
    const elements = [];
    while (!this.taken(close)) {
      elements.push(element());
      if (this.peek() !== close) this.take(',');
    }
    return elements;
  }

  peek() {
    return this.tokens[this.at];
  }

  take(expected) {
    const token = this.tokens[this.at++];
    if (token === undefined || (expected !== undefined && token !== expected)) {
      throw new Error(`wit/ has "${token}" where "${expected}" should be`);
    }
    return token;
  }

  taken(token) {
    if (this.peek() !== token) return false;
    this.at++;
    return true;
  }
}
