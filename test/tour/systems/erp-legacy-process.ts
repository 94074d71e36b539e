import { startSupabaseLite } from '../../../src/quickstart/supabase-lite.ts';

/**
 * The legacy server in a process of its own: the load's clients must not slow it down. Told where its database is by the
 * process that forks it, it answers with its URL, and ends when that process is gone.
 */
process.once('message', (options: { databaseUrl: string; secretKey: string }) => {
  void startSupabaseLite(options).then(({ url }) => process.send?.({ url }));
});
process.once('disconnect', () => process.exit());
// Ctrl-C goes to every process of the terminal; this one is needed until the gateways have ended.
process.on('SIGINT', () => undefined);
process.send?.('ready');
