/**
 * The worker that the database's engine runs in: one of the page's own, so that a script can be stopped, and so that what
 * it prints shows while it runs. What `print` writes reaches a page only with the end of the call.
 */
import { serve } from 'cu-db/serve';
import { LINES_CHANNEL, type Lines } from './lua/lines.ts';

/** How long lines are gathered, in milliseconds. */
const PACE = 50;

const channel = new BroadcastChannel(LINES_CHANNEL);
let gathered = '';
let sent = 0;

function send(): void {
  if (gathered !== '') channel.postMessage({ from: self.name, text: gathered } satisfies Lines);
  gathered = '';
  sent = performance.now();
}

serve({
  functions: {
    say(text) {
      // The thread has its turn when the script has ended, and not before.
      if (gathered === '') setTimeout(send);
      gathered += `${text instanceof Uint8Array ? new TextDecoder().decode(text) : text}\n`;
      if (performance.now() - sent >= PACE) send();
    },
  },
});
