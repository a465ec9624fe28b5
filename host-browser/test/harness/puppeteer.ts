/** Chromium and Firefox, driven by Puppeteer. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import type { LaunchedBrowser, LaunchOptions } from './browser.ts';

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

export interface PuppeteerBrowser extends LaunchedBrowser<Page> {
  readonly browser: Browser;
}

export async function launchPuppeteer(
  name: 'chromium' | 'firefox',
  path: string,
  options: LaunchOptions,
): Promise<PuppeteerBrowser> {
  const { profile, denyStorage = false, tellQuota = false } = options;
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
    version: () => browser.version(),
    newPage: () => browser.newPage(),
    onConsole(page, listener) {
      page.on('console', (message) => listener(message.text()));
    },
    broken: (page) =>
      new Promise((_, reject) => {
        page.on('error', reject);
        page.on('close', () => reject(new Error('the page was closed before it reported')));
      }),
    async crash(page) {
      if (name === 'firefox') throw new Error("Firefox lets nobody end a page's process");
      const devtools = await page.createCDPSession();
      const crashed = new Promise<void>((resolve) => {
        page.once('error', () => resolve());
      });
      // It is not answered: whoever would answer is gone.
      devtools.send('Page.crash').catch(() => {});
      await crashed;
      await page.close();
    },
    async clearStorage(page) {
      if (name === 'firefox') throw new Error('Firefox lets no test clear what a user can');
      const devtools = await page.createCDPSession();
      const { origin } = new URL(page.url());
      await devtools.send('Storage.clearDataForOrigin', { origin, storageTypes: 'indexeddb' });
      await devtools.detach();
    },
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
      // Puppeteer goes on tidying up the settings of the profile itself.
      const copy = await mkdtemp(join(tmpdir(), `cu-${name}-`));
      await cp(directory, copy, { recursive: true, filter: (path) => !SETTINGS_AND_LOCKS.test(path) });
      await rm(directory, { recursive: true, force: true, maxRetries: 5 });
      return copy;
    },
  };
}
