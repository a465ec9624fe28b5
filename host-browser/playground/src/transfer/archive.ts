/** The whole database as one file, and back. */
import type { ArchiveOptions } from 'cu-db';
import { read, startOver, write } from '../base/session.ts';

export function exportArchive(options: ArchiveOptions): Promise<Blob> {
  return read((db) => db.exportArchive(options));
}

/** Puts what an archive has in place of everything. */
export async function importArchive(archive: Blob, options: ArchiveOptions): Promise<void> {
  await startOver();
  await write((db) => db.importArchive(archive, options));
}

/** Hands a file to the user. */
export function download(file: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
