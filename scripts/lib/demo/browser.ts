/** The steps in headless Chromium, with a reload of the page in the middle. */
import { launch, serve } from '../../../host-browser/test/harness/index.ts';
import type { Step } from './report.ts';

type Run = (phase: 'first' | 'again', data: string, progress: (line: string) => void) => Promise<Step[]>;

/** Runs all steps in a new profile. `data` is a path below `root`. */
export async function runBrowser(root: string, data: string): Promise<Step[]> {
  const server = await serve(root);
  const browser = await launch('chromium');
  try {
    const page = await browser.newPage();
    page.on('console', (message) => console.log(message.text()));
    let width = 0;
    await page.exposeFunction('showProgress', (line: string) => {
      width = Math.max(width, line.length);
      process.stderr.write(process.stderr.isTTY ? `\r${line.padEnd(width)}` : `${line}\n`);
    });
    const run = (phase: 'first' | 'again') =>
      page.evaluate(
        (phase, data) => {
          const { run, showProgress } = globalThis as unknown as { run: Run; showProgress: (line: string) => void };
          return run(phase, data, showProgress);
        },
        phase,
        data,
      );
    await page.goto(`${server.origin}/scripts/lib/demo/page.html`);
    await page.waitForSelector('html[data-ready]');
    const first = await run('first');
    if (process.stderr.isTTY) process.stderr.write('\n');
    await page.reload();
    await page.waitForSelector('html[data-ready]');
    return [...first, ...(await run('again'))];
  } finally {
    await browser.close();
    await server.close();
  }
}
