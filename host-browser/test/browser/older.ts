/** Databases as the module `cu` 2.1 leaves them in IndexedDB. */
import type { Page } from '../harness/index.ts';

/** Tables by their ids, with the bytes of each value in hexadecimal. The first is `_home`. */
export type OlderTables = Record<number, Record<string, string>>;

/** Leaves a database, and gives everything that IndexedDB holds of it, as text. */
export function leaveOlder(page: Page, name: string, tables: OlderTables): Promise<string> {
  return page.evaluate(
    async (name, tables) => {
      const db = await store.rawDatabase(name, 1, (db) => {
        db.createObjectStore('externalTables', { keyPath: 'id' });
      });
      const transaction = db.transaction('externalTables', 'readwrite');
      const records = transaction.objectStore('externalTables');
      for (const [id, members] of Object.entries(tables)) {
        const data = Object.entries(members).map(([key, hex]) => [
          key,
          { _type: 'binary', data: hex.match(/../g)!.map((byte) => Number.parseInt(byte, 16)) },
        ]);
        records.put({ id: Number(id), data: Object.fromEntries(data) });
      }
      const ids = Object.keys(tables).map(Number);
      records.put({
        id: '__metadata__',
        data: {
          homeTableId: 1,
          memoryTableId: 1,
          nextTableId: Math.max(...ids) + 1,
          savedAt: '2025-11-01T10:00:00.000Z',
          stateRestored: false,
          tableCount: ids.length,
          tableIds: ids,
        },
      });
      await new Promise((resolve) => {
        transaction.oncomplete = resolve;
      });
      db.close();
      return store.dump(name);
    },
    name,
    tables,
  );
}
