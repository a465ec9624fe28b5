/** Real browsers, started without a window and with an empty profile each. */
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

export type BrowserName = 'chromium' | 'firefox';

const EXECUTABLES: Record<BrowserName, readonly string[]> = {
  chromium: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  firefox: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
};

const CHROMIUM_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What a crash may leave in a profile that is of no use to the next browser. */
const SETTINGS_AND_LOCKS = /\/(prefs\.js|user\.js)[^/]*$|\/(Singleton[^/]*|lock|\.parentlock)$/;

export interface LaunchedBrowser {
  readonly name: BrowserName;
  readonly browser: Browser;
  readonly profile: string;
  newPage(): Promise<Page>;
  /** Ends the browser, and removes the profile. */
  close(): Promise<void>;
  /**
   * Ends the browser's processes without a warning, as a crash would, and gives a copy of the profile
   * as they left it. (Puppeteer goes on tidying up the settings of the profile itself.)
   */
  kill(): Promise<string>;
}

/** The path of a browser's program; undefined if it is not installed. */
export function executable(name: BrowserName): string | undefined {
  const named = process.env[name === 'chromium' ? 'CHROMIUM' : 'FIREFOX'];
  return named ?? EXECUTABLES[name].find(existsSync);
}

export interface LaunchOptions {
  /** A profile's directory, which goes with the browser; by default a new one. */
  readonly profile?: string;
  /** Starts the browser with all storage denied to pages, as a user can set it. */
  readonly denyStorage?: boolean;
  /** Makes Chromium tell pages the quota that is in force, and not the same one to all. */
  readonly tellQuota?: boolean;
}

/** Starts a browser. */
export async function launch(name: BrowserName, options: LaunchOptions = {}): Promise<LaunchedBrowser> {
  const { profile, denyStorage = false, tellQuota = false } = options;
  const path = executable(name);
  if (path === undefined)
    throw new Error(`${name} is not installed: none of ${EXECUTABLES[name].join(', ')}`);
  const directory = profile ?? (await mkdtemp(join(tmpdir(), `cu-${name}-`)));
  if (denyStorage && name === 'chromium') {
    const preferences = { profile: { default_content_setting_values: { cookies: 2 } } };
    await mkdir(join(directory, 'Default'), { recursive: true });
    await writeFile(join(directory, 'Default/Preferences'), JSON.stringify(preferences));
  }
  const browser = await puppeteer.launch({
    browser: name === 'firefox' ? 'firefox' : 'chrome',
    executablePath: path,
    headless: true,
    userDataDir: directory,
    args:
      name === 'firefox'
        ? []
        : [...CHROMIUM_ARGUMENTS, ...(tellQuota ? ['--disable-features=StaticStorageQuota'] : [])],
    ...(denyStorage && name === 'firefox' && { extraPrefsFirefox: { 'network.cookie.cookieBehavior': 2 } }),
    // A long import keeps the page from answering for a while.
    protocolTimeout: 600_000,
  });
  return {
    name,
    browser,
    profile: directory,
    newPage: () => browser.newPage(),
    async close() {
      await browser.close();
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    },
    async kill() {
      const child = browser.process()!;
      const exited = new Promise((resolve) => {
        child.once('exit', resolve);
      });
      // The browser was started in a process group of its own; its children must not outlive it.
      process.kill(-child.pid!, 'SIGKILL');
      await exited;
      const copy = await mkdtemp(join(tmpdir(), `cu-${name}-`));
      await cp(directory, copy, { recursive: true, filter: (path) => !SETTINGS_AND_LOCKS.test(path) });
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      return copy;
    },
  };
}
