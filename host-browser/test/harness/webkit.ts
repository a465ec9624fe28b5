/**
 * WebKit, as WebKitGTK has it, on a display that nobody sees, driven by WebDriver.
 *
 * WebDriver knows one window at a time and tells nothing by itself. So a page's functions are only started by it, one
 * after the other, and what comes of them is reported to the server that the page is from: pages run at the same time,
 * and can call what they are given.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Builder, type WebDriver } from 'selenium-webdriver';
import type { LaunchedBrowser, LaunchOptions, Page } from './browser.ts';
import { onReport } from './server.ts';

/** The browser around WebKit. The one that comes with WebKitGTK keeps nothing on the disk while it is driven. */
const BROWSER = fileURLToPath(new URL('webkit-browser.py', import.meta.url));

/** What WebKit calls the parts of `navigator.storage`, but for files: WebKitGTK can't give workers access to these. */
const STORAGE_FEATURES = ['StorageAPI', 'StorageAPIEstimate'];

/** What ends this process without an `exit`, unless somebody listens. */
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/** How long the driver may take to listen, in ms. */
const PATIENCE = 30_000;

export async function launchWebKit(path: string, options: LaunchOptions): Promise<LaunchedBrowser> {
  const profile = options.profile ?? (await mkdtemp(join(tmpdir(), 'cu-webkit-')));
  const display = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x1024x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const processes = [display];
  // The driver's group has the browser in it; nothing of it must outlive this process.
  const end = () => {
    for (const { pid, exitCode, signalCode } of processes) {
      if (pid === undefined || exitCode !== null || signalCode !== null) continue;
      if (pid === display.pid) process.kill(pid, 'SIGTERM');
      else process.kill(-pid, 'SIGKILL');
    }
  };
  const stop = () => process.exit(1);
  process.once('exit', end);
  for (const signal of SIGNALS) process.once(signal, stop);
  const ended = async () => {
    const exits = processes.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit'));
    end();
    await Promise.all(exits);
    process.off('exit', end);
    for (const signal of SIGNALS) process.off(signal, stop);
  };
  try {
    const number = await firstLine(display, display.stdio[3] as Readable);
    const port = await freePort();
    const places = {
      HOME: profile,
      XDG_CACHE_HOME: join(profile, 'cache'),
      XDG_CONFIG_HOME: join(profile, 'config'),
    };
    const service = spawn(path, [`--port=${port}`], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...places, DISPLAY: `:${number}`, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1' },
    });
    processes.push(service);
    const lines = createInterface(service.stdout!);
    const url = `http://127.0.0.1:${port}`;
    await listens(service, `${url}/status`);
    const driver = await new Builder()
      .usingServer(url)
      .withCapabilities({
        browserName: 'WebKitGTK',
        'webkitgtk:browserOptions': { binary: BROWSER, args: browserArguments(profile, options) },
      })
      .build();
    const windows = new Windows(driver);
    return {
      name: 'webkit',
      profile,
      async version() {
        const capabilities = await driver.getCapabilities();
        return `${capabilities.getBrowserName()} ${capabilities.getBrowserVersion()}`;
      },
      newPage: () => windows.open(),
      onConsole() {},
      broken: (page) => (page as WebKitPage).closed,
      async crash() {
        throw new Error("WebKit's driver ends with the process of any page");
      },
      async clearStorage(page) {
        const cleared = once(lines, 'line');
        // The browser is asked by a title, and says when it has done it.
        await page.evaluate(() => {
          document.title = '~clear';
        });
        await cleared;
      },
      async close() {
        await ended();
        await rm(profile, { recursive: true, force: true, maxRetries: 5 });
      },
      async kill() {
        await ended();
        const copy = await mkdtemp(join(tmpdir(), 'cu-webkit-'));
        await cp(profile, copy, { recursive: true });
        await rm(profile, { recursive: true, force: true, maxRetries: 5 });
        return copy;
      },
    };
  } catch (error) {
    await ended();
    throw error;
  }
}

function browserArguments(profile: string, { asSafari, denyStorage, quota }: LaunchOptions): string[] {
  return [
    `--profile=${profile}`,
    ...(asSafari ? STORAGE_FEATURES.map((feature) => `--feature=${feature}`) : []),
    ...(denyStorage ? ['--deny-storage'] : []),
    ...(quota === undefined ? [] : [`--quota=${quota}`]),
  ];
}

/** The windows of a browser: what is done in one of them is done while no other one is looked at. */
class Windows {
  readonly #driver: WebDriver;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(driver: WebDriver) {
    this.#driver = driver;
  }

  open(): Promise<WebKitPage> {
    return this.#next(async (driver) => {
      // The new one is asked for by the driver's window, which must not be one that has been closed.
      const [first] = await driver.getAllWindowHandles();
      await driver.switchTo().window(first!);
      await driver.switchTo().newWindow('window');
      return new WebKitPage(this, await driver.getWindowHandle());
    });
  }

  /** Does something in a window, after all that was asked for before. */
  in<T>(handle: string, work: (driver: WebDriver) => Promise<T>): Promise<T> {
    return this.#next(async (driver) => {
      await driver.switchTo().window(handle);
      return work(driver);
    });
  }

  #next<T>(work: (driver: WebDriver) => Promise<T>): Promise<T> {
    const result = this.#turn.then(() => work(this.#driver));
    this.#turn = result.catch(() => {});
    return result;
  }
}

/** What a function in a page has come to. */
type Outcome = { readonly result?: never } | { readonly error: string };

/** A page of WebKit. What functions take and give passes through JSON. */
class WebKitPage implements Page {
  readonly #windows: Windows;
  readonly #handle: string;
  /** The functions that the page's next document will have, too. */
  readonly #exposed = new Map<string, string>();
  /** Ends what waits for functions whose document goes away. */
  #leaving = Promise.withResolvers<never>();
  readonly #closing = Promise.withResolvers<never>();
  readonly #stops: (() => void)[] = [];

  constructor(windows: Windows, handle: string) {
    this.#windows = windows;
    this.#handle = handle;
    this.#closing.promise.catch(() => {});
    this.#leaving.promise.catch(() => {});
  }

  /** Rejects once the page is closed. */
  get closed(): Promise<never> {
    return this.#closing.promise;
  }

  async goto(url: string): Promise<null> {
    return this.#load((driver) => driver.get(url));
  }

  async reload(): Promise<null> {
    return this.#load((driver) => driver.navigate().refresh());
  }

  evaluate: Page['evaluate'] = async (run, ...args) => {
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const stop = onReport(id, (body) => resolve(body as Outcome));
    const leaving = this.#leaving.promise;
    try {
      await this.#run(
        `const { fetch } = globalThis;
        const [id, args] = arguments;
        const tell = (outcome) => fetch('/~report?id=' + id, { method: 'POST', body: JSON.stringify(outcome) });
        (async () => (${run})(...args))().then(
          (result) => tell({ result }),
          (error) => tell({ error: [error, error?.stack].filter(Boolean).join('\\n') }));`,
        id,
        args,
      );
      const outcome = await Promise.race([promise, leaving]);
      if ('error' in outcome) throw new Error(outcome.error);
      return outcome.result as never;
    } finally {
      stop();
    }
  };

  async exposeFunction(name: string, run: (...args: never[]) => unknown): Promise<void> {
    const id = randomUUID();
    this.#stops.push(onReport(id, (args) => run(...(args as never[]))));
    this.#exposed.set(name, id);
    await this.#expose(name, id);
  }

  async close(): Promise<void> {
    await this.#windows.in(this.#handle, (driver) => driver.close());
    for (const stop of this.#stops) stop();
    const error = new Error('the page was closed');
    this.#leaving.reject(error);
    this.#closing.reject(error);
  }

  async #load(work: (driver: WebDriver) => Promise<void>): Promise<null> {
    this.#leaving.reject(new Error('the page went to another document'));
    this.#leaving = Promise.withResolvers();
    this.#leaving.promise.catch(() => {});
    await this.#windows.in(this.#handle, work);
    for (const [name, id] of this.#exposed) await this.#expose(name, id);
    return null;
  }

  #expose(name: string, id: string): Promise<void> {
    return this.#run(
      `const { fetch } = globalThis;
      const [name, id] = arguments;
      globalThis[name] = async (...args) => {
        await fetch('/~report?id=' + id, { method: 'POST', body: JSON.stringify(args) });
      };`,
      name,
      id,
    );
  }

  #run(script: string, ...args: unknown[]): Promise<void> {
    return this.#windows.in(this.#handle, (driver) => driver.executeScript(script, ...args));
  }
}

/** The first line that a process writes, which it does when it is ready. */
async function firstLine(child: ChildProcess, stream: Readable): Promise<string> {
  const lines = createInterface(stream);
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`${child.spawnfile} ended with ${code} before it was ready`);
  });
  const [line] = (await Promise.race([once(lines, 'line'), failed])) as [string];
  failed.catch(() => {});
  return line;
}

/** A port that nobody listens at. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Waits until a service answers. It does not tell when it will, so it is asked. */
async function listens(service: ChildProcess, url: string): Promise<void> {
  const last = performance.now() + PATIENCE;
  for (;;) {
    try {
      await fetch(url);
      return;
    } catch (error) {
      if (service.exitCode !== null || performance.now() > last) {
        throw new Error(`${service.spawnfile} does not listen at ${url}`, { cause: error });
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
