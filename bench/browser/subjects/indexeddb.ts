/** IndexedDB alone: what one awaited put of 100 bytes takes. */
import { median } from '../measure.ts';

export default async function run(): Promise<{ readonly put: number }> {
  const database = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('alone', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('bytes');
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const bytes = new Uint8Array(100);
  const put = await median(20, 20, (key) => {
    const transaction = database.transaction('bytes', 'readwrite');
    transaction.objectStore('bytes').put(bytes, key);
    return new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
  });
  database.close();
  return { put };
}
