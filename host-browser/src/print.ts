/** Lua's words on their way to the caller. */
import type { PrintHandler } from './store/imports.ts';

/**
 * Hands printed text on as strings. The component may cut it anywhere, so the bytes of one character
 * may come in two pieces; what is not UTF-8 becomes replacement characters.
 */
export function printer(onPrint: ((text: string) => void) | undefined): PrintHandler {
  const decoder = new TextDecoder();
  const take = onPrint ?? ((text: string) => console.log(text.replace(/\n$/, '')));
  return (bytes) => {
    const text = decoder.decode(bytes, { stream: true });
    if (text === '') return;
    try {
      take(text);
    } catch (error) {
      // The handler's own mistake must not look like the component breaking down.
      reportError(error);
    }
  };
}
