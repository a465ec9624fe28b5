/** Where documents are. */
import { isMap } from '../base/json.ts';
import { isKeyed } from '../ui/rows.ts';

export interface Place {
  readonly longitude: number;
  readonly latitude: number;
  readonly name: string;
  /** What its size on a map goes by; 0 if there is nothing to tell. */
  readonly weight: number;
}

/** The places of rows: those that have `location`, or themselves `lat` and `lon`, or `latitude` and `longitude`. */
export function placesOf(rows: readonly unknown[]): Place[] {
  return rows.flatMap((row) => placeOf(isKeyed(row) ? row[1] : row) ?? []);
}

function placeOf(document: unknown): Place | undefined {
  if (!isMap(document)) return undefined;
  const at = isMap(document.location) ? document.location : document;
  const latitude = at.lat ?? at.latitude;
  const longitude = at.lon ?? at.lng ?? at.longitude;
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return undefined;
  const { name, population } = document;
  return {
    longitude,
    latitude,
    name: typeof name === 'string' ? name : '',
    weight: typeof population === 'number' ? population : 0,
  };
}
