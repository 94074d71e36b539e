import { startSupabaseLite } from '../../src/quickstart/supabase-lite.ts';
import { announce, setting } from './listen.ts';

/** The legacy store, in a process of its own as it is in life. */
const lite = await startSupabaseLite({
  databaseUrl: setting('LEGACY_DATABASE_URL'),
  secretKey: setting('LEGACY_KEY'),
});
announce(lite.url, () => lite.stop());
