/** The worker that runs the cases' databases: the package's own, with functions for Lua. */
import type * as Serve from '../../host-browser/src/serve.ts';
import { functions } from './functions.ts';

// Taken by a name, so that the types are those of the sources; asked for before anything is awaited.
const built: string = '../../host-browser/dist/serve.js';
const { serve }: typeof Serve = await import(built);
serve({ functions });
