/** The documents of a table, in pages. */

import type { Cursor, Decoded, Key } from 'cu-db';
import { useEffect, useState } from 'preact/hooks';
import { useLoaded } from '../base/load.ts';
import { generation, read, refresh, revision } from '../base/session.ts';
import { ErrorNote } from '../ui/error-note.tsx';
import { count } from '../ui/format.ts';
import { GridView } from '../ui/grid.tsx';
import { DocumentDialog } from './document-dialog.tsx';

const PAGE = 50;

export function DocumentsView({ table }: { readonly table: string }) {
  // The places at which the pages up to this one begin; the first begins nowhere.
  const [places, setPlaces] = useState<readonly (Cursor | undefined)[]>([undefined]);
  const [open, setOpen] = useState<readonly [Key, Decoded] | 'new' | undefined>();
  const after = places.at(-1);
  const { value: page, error } = useLoaded(
    () => read((db) => db.page({ table, limit: PAGE, ...(after && { after }) })),
    [table, after, revision.value],
  );
  useEffect(() => watch(table, after), [table, after, generation.value]);
  const before = (places.length - 1) * PAGE;
  return (
    <>
      <div class="row">
        <button type="button" class="primary" onClick={() => setOpen('new')}>
          New document
        </button>
        <span class="pages">
          <button
            type="button"
            disabled={places.length === 1}
            onClick={() => setPlaces(places.slice(0, -1))}
            aria-label="Page before"
          >
            ‹
          </button>
          <span role="status">
            {page === undefined || page.rows.length === 0
              ? '–'
              : `${count(before + 1)}–${count(before + page.rows.length)}`}
          </span>
          <button
            type="button"
            disabled={page?.next === undefined}
            onClick={() => setPlaces([...places, page!.next])}
            aria-label="Next page"
          >
            ›
          </button>
        </span>
      </div>
      {error !== undefined && <ErrorNote error={error} />}
      {page !== undefined && (
        <GridView
          label={`Documents of ${table}`}
          values={page.rows}
          keyed
          onOpen={(at) => setOpen(page.rows[at])}
        />
      )}
      {open !== undefined && (
        <DocumentDialog
          table={table}
          {...(open !== 'new' && { document: open })}
          onClose={() => setOpen(undefined)}
        />
      )}
    </>
  );
}

/** Has what shows read anew when the documents of a page have become others, in whichever tab. */
function watch(table: string, after: Cursor | undefined): () => void {
  const left = new AbortController();
  const { signal } = left;
  const follow = async () => {
    const live = await read(
      async (db) => db.live({ table, limit: PAGE, ...(after && { after }) }, { signal }),
      false,
    );
    let isFirst = true;
    for await (const _ of live) {
      if (!isFirst) await refresh();
      isFirst = false;
    }
  };
  // What went wrong is told to who asks for the documents.
  follow().catch(() => {});
  return () => left.abort();
}
