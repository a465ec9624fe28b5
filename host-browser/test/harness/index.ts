/**
 * Runs modules in real browsers.
 *
 * ```ts
 * const server = await serve(repositoryRoot);
 * const browser = await launch('firefox');
 * const result = await runModule(browser, server, '/tests/browser/suite.ts', { topics: ['keys'] });
 * await browser.close();
 * await server.close();
 * ```
 */
import { randomUUID } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LaunchedBrowser } from './browser.ts';
import { onReport, type Report, type Server } from './server.ts';

export {
  type BrowserName,
  executable,
  type LaunchedBrowser,
  type LaunchOptions,
  launch,
  type Page,
} from './browser.ts';
export type { PuppeteerBrowser } from './puppeteer.ts';
export { type ServeOptions, type Server, serve } from './server.ts';

/** The top of the repository: what most tests serve. */
export const repositoryRoot: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/**
 * Opens a new page that imports a module, calls its default export with `input`, and gives what
 * that resolves to. Both pass through JSON. `module` is a path on the server, TypeScript or
 * JavaScript; it can import the package from `/host-browser/dist/index.js`. What the page writes
 * to its console goes to `log`.
 */
export async function runModule(
  browser: LaunchedBrowser,
  server: Server,
  module: string,
  input: unknown = null,
  log: (line: string) => void = console.log,
): Promise<unknown> {
  const page = await browser.newPage();
  const id = randomUUID();
  const { promise: reported, resolve } = Promise.withResolvers<Report>();
  const stop = onReport(id, (body) => resolve(body as Report));
  try {
    browser.onConsole(page, log);
    const broken = browser.broken(page);
    broken.catch(() => {});
    const parameters = new URLSearchParams({ id, module, input: JSON.stringify(input) });
    await page.goto(`${server.origin}/~run?${parameters}`);
    const report = await Promise.race([reported, broken]);
    if ('error' in report) throw new Error(`in ${browser.name}: ${report.error}`);
    return report.result;
  } finally {
    stop();
    await page.close();
  }
}
