/** The worker that the database's engine runs in: one of the page's own, so that a script can be stopped. */
import { serve } from 'cu-db/serve';

serve();
