/** A document to look at, change, delete or make. */

import { CuError, type Decoded, type Key, type Value } from 'cu-db';
import { useState } from 'preact/hooks';
import { fromJson, isMap, toJson } from '../base/json.ts';
import { keyOf, keyText } from '../base/keys.ts';
import { write } from '../base/session.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Field } from '../ui/field.tsx';
import { changesOf } from './edit.ts';

interface Properties {
  readonly table: string;
  /** The document that is there; a new one is made without. */
  readonly document?: readonly [Key, Decoded];
  readonly onClose: () => void;
}

export function DocumentDialog({ table, document, onClose }: Properties) {
  const [key, setKey] = useState(document === undefined ? '' : keyText(document[0]));
  const [text, setText] = useState(document === undefined ? '{\n  \n}' : toJson(document[1], 2));
  const [sure, setSure] = useState(false);
  const save = async () => {
    const value = readText(text, document?.[1]);
    if (document === undefined) {
      await write((db) => db.apply([{ op: 'insert', table, key: keyOf(key), value: value as never }]));
    } else {
      await change(table, document, value);
    }
  };
  const remove = async () => {
    await write((db) => db.delete(table, document![0]));
  };
  const deleting = sure && document !== undefined;
  return (
    <Dialog
      title={document === undefined ? `New document in ${table}` : `${keyText(document[0])} in ${table}`}
      onClose={onClose}
      action={
        deleting
          ? { title: 'Delete it', danger: true, run: remove }
          : { title: document === undefined ? 'Insert' : 'Save', run: save }
      }
      beside={
        document !== undefined &&
        !sure && (
          <button type="button" class="danger quiet start" onClick={() => setSure(true)}>
            Delete…
          </button>
        )
      }
    >
      {deleting ? (
        <p>The document is deleted. This can't be undone.</p>
      ) : (
        <>
          {document === undefined && (
            <Field label="Key">
              <input
                value={key}
                onInput={({ currentTarget }) => setKey(currentTarget.value)}
                placeholder="42, ada or &quot;42&quot;"
                autocomplete="off"
                spellcheck={false}
              />
            </Field>
          )}
          <Field label="Document, as JSON">
            <textarea
              value={text}
              onInput={({ currentTarget }) => setText(currentTarget.value)}
              rows={14}
              spellcheck={false}
              autocomplete="off"
            />
          </Field>
          <p class="hint">
            <code>1</code> is an integer, <code>1.0</code> a float. Only what you change is written.
          </p>
        </>
      )}
    </Dialog>
  );
}

/** The value of the text; the one that was there if nothing was changed. */
function readText(text: string, before: Decoded | undefined): Value {
  return before !== undefined && text === toJson(before, 2) ? (before as Value) : fromJson(text);
}

async function change(table: string, [key, before]: readonly [Key, Decoded], after: Value): Promise<void> {
  if (after === before) return;
  if (!isMap(before) || !isMap(after)) {
    await write((db) => db.put(table, key, after as never));
    return;
  }
  const changes = changesOf(before, after as never);
  if (changes.length === 0) return;
  const [found] = await write((db) => db.apply([{ op: 'update', table, key, changes }]));
  if (!found) {
    throw new CuError(
      'precondition-failed',
      'The document was deleted meanwhile; insert it anew if you want it.',
    );
  }
}
