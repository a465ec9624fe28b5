/** The script of the worker that `open` starts. */
import { serve } from './connection/serve.ts';

serve();
