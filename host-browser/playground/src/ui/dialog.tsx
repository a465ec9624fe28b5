/** A dialog over the page. It is there as long as it is rendered; Escape asks to close it. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { ErrorNote } from './error-note.tsx';

interface Properties {
  readonly title: string;
  readonly onClose: () => void;
  /** What the main button says, and does; what it rejects with shows in the dialog, else the dialog closes. */
  readonly action?: { readonly title: string; readonly danger?: boolean; readonly run: () => Promise<void> };
  /** Buttons beside the main one. */
  readonly beside?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Dialog({ title, onClose, action, beside, children }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  const submit = async (event: Event) => {
    event.preventDefault();
    if (action === undefined || busy) return;
    setBusy(true);
    setError(undefined);
    try {
      await action.run();
      onClose();
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  };
  const cancel = (event: Event) => {
    event.preventDefault();
    if (!busy) onClose();
  };
  return (
    <dialog ref={dialog} aria-labelledby={heading} onCancel={cancel}>
      <form onSubmit={submit}>
        <h2 id={heading}>{title}</h2>
        {children}
        {error !== undefined && <ErrorNote error={error} />}
        <div class="buttons">
          {beside}
          <button type="button" onClick={onClose} disabled={busy}>
            {action === undefined ? 'Close' : 'Cancel'}
          </button>
          {action !== undefined && (
            <button type="submit" class={action.danger ? 'danger' : 'primary'} disabled={busy}>
              {busy ? 'Working…' : action.title}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}
