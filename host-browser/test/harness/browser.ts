/** Real browsers, each with a profile of its own: what all of them can do, and which there are. */
import { existsSync } from 'node:fs';
import type { Page as PuppeteerPage } from 'puppeteer-core';
import { launchPuppeteer, type PuppeteerBrowser } from './puppeteer.ts';
import { launchWebKit } from './webkit.ts';

export type BrowserName = 'chromium' | 'firefox' | 'webkit';

/** The program that starts each browser, the first that there is, and the variable that names another one. */
const EXECUTABLES: Record<BrowserName, readonly [variable: string, paths: readonly string[]]> = {
  chromium: ['CHROMIUM', ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']],
  firefox: ['FIREFOX', ['/usr/bin/firefox-esr', '/usr/bin/firefox']],
  webkit: ['WEBKIT_DRIVER', ['/usr/bin/WebKitWebDriver']],
};

/** What a page can do in every browser: as Puppeteer has it. */
export type Page = Pick<PuppeteerPage, 'close' | 'evaluate' | 'exposeFunction' | 'goto' | 'reload'>;

export interface LaunchedBrowser<Kind extends Page = Page> {
  readonly name: BrowserName;
  readonly profile: string;
  /** The browser's own name with its version. */
  version(): Promise<string>;
  newPage(): Promise<Kind>;
  /** Gives `listener` what a page writes to its console from now on, if the browser tells it. */
  onConsole(page: Kind, listener: (line: string) => void): void;
  /** Rejects when a page has crashed or is closed; never resolves. */
  broken(page: Kind): Promise<never>;
  /** Ends the process of a page as a crash would, and closes the page. Only Chromium can. */
  crash(page: Kind): Promise<void>;
  /** Deletes what pages of a page's origin have in IndexedDB, as a user can. Not in Firefox. */
  clearStorage(page: Kind): Promise<void>;
  /** Ends the browser, and removes the profile. */
  close(): Promise<void>;
  /**
   * Ends the browser's processes without a warning, as a crash would, and gives a copy of the profile
   * as they left it.
   */
  kill(): Promise<string>;
}

export interface LaunchOptions {
  /** A profile's directory, which goes with the browser; by default a new one. */
  readonly profile?: string;
  /** Starts the browser with all storage denied to pages, as a user can set it. */
  readonly denyStorage?: boolean;
  /** Makes Chromium tell pages the quota that is in force, and not the same one to all. */
  readonly tellQuota?: boolean;
  /** Gives WebKitGTK what Safari has and it leaves out by default: `navigator.storage`, which tells the quota. */
  readonly asSafari?: boolean;
  /** How many bytes WebKit lets a site store. DevTools set it in Chromium. */
  readonly quota?: number;
}

/** The path of the program that starts a browser; undefined if it is not installed. */
export function executable(name: BrowserName): string | undefined {
  const [variable, paths] = EXECUTABLES[name];
  return process.env[variable] ?? paths.find(existsSync);
}

/** Starts a browser without a window that anyone would see. */
export function launch(name: 'chromium' | 'firefox', options?: LaunchOptions): Promise<PuppeteerBrowser>;
export function launch(name: BrowserName, options?: LaunchOptions): Promise<LaunchedBrowser>;
export async function launch(name: BrowserName, options: LaunchOptions = {}): Promise<LaunchedBrowser> {
  const path = executable(name);
  if (path === undefined)
    throw new Error(`${name} is not installed: none of ${EXECUTABLES[name][1].join(', ')}`);
  return name === 'webkit' ? launchWebKit(path, options) : launchPuppeteer(name, path, options);
}
