/** A static file server for pages under test, with the strictest policy the package promises to run under. */
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { transform } from 'esbuild';

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'";

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.ts': 'text/javascript',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

/** The page that runs a module, and the script that does it. A page of its own keeps to the policy. */
const RUN_PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="/~run.js"></script>';
const RUN_SCRIPT = `
const parameters = new URLSearchParams(location.search);
const report = (body) => fetch('/~report?id=' + parameters.get('id'), { method: 'POST', body: JSON.stringify(body) });
try {
  const { default: run } = await import(parameters.get('module'));
  await report({ result: await run(JSON.parse(parameters.get('input'))) });
} catch (error) {
  // WebKit's stacks begin without the message.
  await report({ error: [error, error?.stack].join('\\n') });
}
`;

/** What a module's run reports. */
export type Report = { readonly result: unknown } | { readonly error: string };

export interface Server {
  /** Where it listens, without a slash at the end. */
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * Who waits for what pages send to `/~report?id=…`, by the id. It is the way for pages to tell anything that
 * every browser has; of all servers, since whoever waits may not know at which one a page is.
 */
const listeners = new Map<string, (body: unknown) => void>();

/** Calls `listener` with what pages report under an id, until that is called which it returns. */
export function onReport(id: string, listener: (body: unknown) => void): () => void {
  listeners.set(id, listener);
  return () => listeners.delete(id);
}

export interface ServeOptions {
  /** Sent as `Content-Security-Policy`; by default what the package promises to run under. */
  readonly policy?: string;
  /** The type that `.wasm` files are said to have. */
  readonly wasmType?: string;
}

/**
 * Serves a directory on a free port of this machine. TypeScript files are sent as JavaScript, with
 * their types taken out and their imports as they are.
 */
export async function serve(directory: string, options: ServeOptions = {}): Promise<Server> {
  const server = createServer((request, response) => {
    answer(request, response, directory, options).catch((error: unknown) => {
      response.writeHead(500).end(String(error));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  directory: string,
  options: ServeOptions,
): Promise<void> {
  const url = new URL(request.url!, 'http://localhost');
  const send = (type: string, body: string | Uint8Array) => {
    response.writeHead(200, {
      'content-type': type,
      'content-security-policy': options.policy ?? POLICY,
      'cache-control': 'no-store',
    });
    response.end(body);
  };
  switch (url.pathname) {
    case '/favicon.ico':
      response.writeHead(204).end();
      return;
    case '/~run':
      send(TYPES['.html']!, RUN_PAGE);
      return;
    case '/~run.js':
      send(TYPES['.js']!, RUN_SCRIPT);
      return;
    case '/~blank':
      send(TYPES['.html']!, '<!doctype html><meta charset="utf-8">');
      return;
    case '/~report': {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      listeners.get(url.searchParams.get('id')!)?.(JSON.parse(Buffer.concat(chunks).toString()));
      send(TYPES['.json']!, '{}');
      return;
    }
  }
  const path = normalize(decodeURIComponent(url.pathname));
  const extension = extname(path);
  let body: string | Uint8Array;
  try {
    body = await readFile(join(directory, path));
  } catch {
    response.writeHead(404).end();
    return;
  }
  if (extension === '.ts') {
    body = (await transform(Buffer.from(body).toString(), { loader: 'ts', target: 'es2022' })).code;
  }
  const type = TYPES[extension] ?? 'application/octet-stream';
  send(extension === '.wasm' ? (options.wasmType ?? type) : type, body);
}
