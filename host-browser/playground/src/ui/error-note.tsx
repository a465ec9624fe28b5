/** An error: its code, its sentence, what to do, and where it came from. */
import { CuError } from 'cu-db';
import { advice } from '../base/advice.ts';

export function ErrorNote({ error }: { readonly error: unknown }) {
  const { code, message, traceback } = told(error);
  const suggestion = advice(error);
  return (
    <div class="error" role="alert">
      <p>
        <code class="code">{code}</code> {message}
      </p>
      {suggestion !== undefined && <p class="advice">{suggestion}</p>}
      {traceback !== undefined && traceback !== '' && (
        <details>
          <summary>Lua stack</summary>
          <pre>{traceback}</pre>
        </details>
      )}
    </div>
  );
}

function told(error: unknown): { code: string; message: string; traceback?: string | undefined } {
  if (error instanceof CuError) return error;
  return error instanceof Error
    ? { code: error.name, message: error.message }
    : { code: 'error', message: String(error) };
}
