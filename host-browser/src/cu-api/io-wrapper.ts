/**
 * The class `IoWrapper` of the module `cu` 2.1: calls with values in and out, over `_io`.
 *
 * @module cu-db/io-wrapper
 */
import type { Decoded } from '../cbor/decode.ts';
import * as cu from './index.ts';

export interface ComputeOptions {
  /** Whether `_io` is emptied before; true by default. */
  readonly clearBefore?: boolean;
  /** What the script finds in `_io.meta`, with a `timestamp` and a `requestId`. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface ComputeResult {
  /** The first value that the script returned, or the text of its error. */
  readonly returnValue: unknown;
  /** What it has left in `_io.output`, or null. */
  readonly output: Decoded;
  /** The metadata that were given. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Looks up a global function, and calls it. */
const REQUEST = `
local method, params = _io.input.method, _io.input.params
local handler = _G[method]
if handler then
  _io.output = handler(params)
else
  _io.output = {error = "Unknown method: " .. method}
end
`;

export class IoWrapper {
  /** Runs a script with a value in `_io.input`, and gives what it has left in `_io.output`. */
  async computeWithIo(
    code: string,
    inputData: unknown = null,
    options: ComputeOptions = {},
  ): Promise<ComputeResult> {
    const { clearBefore = true, metadata = {} } = options;
    if (clearBefore) cu.clearIo();
    if (inputData !== null) cu.setInput(inputData);
    if (Object.keys(metadata).length > 0) {
      cu.setMetadata({ ...metadata, timestamp: Date.now(), requestId: crypto.randomUUID() });
    }
    const bytes = await cu.compute(code);
    const { result } = cu.readResult(cu.getBufferPtr(), bytes);
    return { returnValue: result, output: cu.getOutput(), metadata };
  }

  /** Runs a script for each part of an array, and gives what each run has left in `_io.output`. */
  async processStream(
    code: string,
    dataStream: readonly unknown[],
    options: { readonly batchSize?: number } = {},
  ): Promise<Decoded[]> {
    const { batchSize = 100 } = options;
    if (!Number.isSafeInteger(batchSize) || batchSize < 1)
      throw new RangeError('batchSize must be 1 or more');
    const outputs: Decoded[] = [];
    for (let from = 0; from < dataStream.length; from += batchSize) {
      const { output } = await this.computeWithIo(code, {
        batch: dataStream.slice(from, from + batchSize),
        batchIndex: from / batchSize,
        hasMore: from + batchSize < dataStream.length,
      });
      outputs.push(output);
    }
    return outputs;
  }

  /** Calls a global Lua function by its name, with one argument; its result is the output. */
  async request(method: string, params: unknown = {}): Promise<ComputeResult> {
    return this.computeWithIo(REQUEST, { method, params });
  }
}

export default IoWrapper;
