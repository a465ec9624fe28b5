/** Runs a suite in each of the browsers that `CU_BROWSERS` names, or in all. */
import { after, before, describe, type TestContext } from 'node:test';
import {
  type BrowserName,
  type LaunchedBrowser,
  type LaunchOptions,
  launch,
  type Page,
  type PuppeteerBrowser,
  repositoryRoot,
  type ServeOptions,
  type Server,
  serve,
} from '../harness/index.ts';

/** The browsers that suites run in. */
export const names = (process.env.CU_BROWSERS ?? 'chromium,firefox,webkit').split(',') as BrowserName[];

/** Where the engine runs: a worker, which is the default, or the page itself. */
export type Thread = 'worker' | 'page';

export interface Tabs {
  readonly name: BrowserName;
  readonly thread: Thread;
  /** A new page with `cu` and `store`. All of a suite share an origin and a profile. */
  open(): Promise<Page>;
  /** Loads the page again, as a user would. */
  reload(page: Page): Promise<void>;
  /** Ends the process of a page, and closes it. */
  crash(page: Page): Promise<void>;
}

/** In each browser, and with the engine in each of the threads. */
export function inEachBrowser(
  title: string,
  define: (tabs: Tabs) => void,
  threads: readonly Thread[] = ['worker', 'page'],
): void {
  for (const [name, thread] of names.flatMap((name) => threads.map((thread) => [name, thread] as const))) {
    describe(`${title} (${name}, engine in ${thread})`, () => {
      let browser: LaunchedBrowser;
      let server: Server;
      before(async () => {
        server = await serve(repositoryRoot);
        browser = await launch(name, { asSafari: true });
      });
      after(async () => {
        await browser.close();
        await server.close();
      });
      define({
        name,
        thread,
        open: () => openPage(browser, server, thread),
        async reload(page) {
          await page.reload();
          await ready(page);
        },
        crash: (page) => browser.crash(page),
      });
    });
  }
}

/** Tabs whose pages have scripts of the package as globals, by their names, also when they are loaded again. */
export function withScripts(
  tabs: Tabs,
  scripts: { readonly [global: string]: string },
): Pick<Tabs, 'open' | 'reload'> {
  const load = (page: Page) =>
    page.evaluate(async (scripts) => {
      for (const [name, script] of Object.entries(scripts)) {
        Object.assign(globalThis, { [name]: await import(`/host-browser/dist/${script}.js`) });
      }
    }, scripts);
  return {
    async open() {
      const page = await tabs.open();
      await load(page);
      return page;
    },
    async reload(page) {
      await tabs.reload(page);
      await load(page);
    },
  };
}

export type AloneOptions = LaunchOptions & ServeOptions & { directory?: string };

/** A browser and a server of a test's own, closed when the test ends, however it ends. */
export function alone(
  t: TestContext,
  name: 'chromium' | 'firefox',
  options?: AloneOptions,
): Promise<{ browser: PuppeteerBrowser; server: Server }>;
export function alone(
  t: TestContext,
  name: BrowserName,
  options?: AloneOptions,
): Promise<{ browser: LaunchedBrowser; server: Server }>;
export async function alone(
  t: TestContext,
  name: BrowserName,
  options: AloneOptions = {},
): Promise<{ browser: LaunchedBrowser; server: Server }> {
  const server = await serve(options.directory ?? repositoryRoot, options);
  t.after(() => server.close());
  const browser = await launch(name, options);
  t.after(() => browser.close());
  return { browser, server };
}

/** A new page with `cu` and `store`. */
export async function openPage<Kind extends Page>(
  browser: LaunchedBrowser<Kind>,
  server: Server,
  thread: Thread = 'worker',
): Promise<Kind> {
  const page = await browser.newPage();
  await page.goto(`${server.origin}/host-browser/test/browser/page.html?thread=${thread}`);
  await ready(page);
  return page;
}

/** Waits until the page's script has run. */
export async function ready(page: Page): Promise<void> {
  await page.evaluate(
    () =>
      new Promise<void>((resolve) => {
        const check = () => document.title === 'ready' && resolve();
        new MutationObserver(check).observe(document, {
          subtree: true,
          childList: true,
          characterData: true,
        });
        check();
      }),
  );
}
