/** The memory of an instance, as the canonical ABI reads and writes it. */

const utf8 = new TextEncoder();
const text = new TextDecoder('utf-8', { ignoreBOM: true });

/** What the component exports for the ABI. */
export interface MemoryExports {
  readonly memory: WebAssembly.Memory;
  /** Allocates so many bytes, if the first two are 0. */
  readonly cabi_realloc: (old: number, oldSize: number, align: number, size: number) => number;
}

export class Memory {
  readonly #exports: MemoryExports;
  #view: DataView;

  constructor(exports: MemoryExports) {
    this.#exports = exports;
    this.#view = new DataView(exports.memory.buffer);
  }

  /** Good until the component runs again, since its memory may grow then. */
  get view(): DataView {
    const { buffer } = this.#exports.memory;
    if (this.#view.buffer !== buffer) this.#view = new DataView(buffer);
    return this.#view;
  }

  allocate(size: number, align: number): number {
    return this.#exports.cabi_realloc(0, 0, align, size) >>> 0;
  }

  /** A copy. */
  bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#exports.memory.buffer, at, length).slice();
  }

  text(at: number, length: number): string {
    return length === 0 ? '' : text.decode(new Uint8Array(this.#exports.memory.buffer, at, length));
  }

  /** Puts bytes where the component will free them, and gives the place. */
  putBytes(bytes: Uint8Array): number {
    const at = this.allocate(bytes.length, 1);
    new Uint8Array(this.#exports.memory.buffer, at, bytes.length).set(bytes);
    return at;
  }

  /** The same for a text; gives the place and the number of bytes. */
  putText(value: string): [at: number, length: number] {
    const bytes = utf8.encode(value);
    return [this.putBytes(bytes), bytes.length];
  }
}

/** Values of the host that the component holds by numbers. */
export class Handles {
  readonly #values = new Map<number, unknown>();
  #last = 0;

  add(value: unknown): number {
    this.#values.set(++this.#last, value);
    return this.#last;
  }

  get(handle: number): unknown {
    if (!this.#values.has(handle)) throw new Error(`the component uses handle ${handle}, which it has not`);
    return this.#values.get(handle);
  }

  take(handle: number): unknown {
    const value = this.get(handle);
    this.#values.delete(handle);
    return value;
  }
}
