import { withClient } from '../src/quickstart/accounts.ts';
import { LEGACY_KEY, type Legacy } from './gateways.ts';
import type { ReplicateAnswer, ReplicateInput } from './jobs/replicate.ts';
import type { Place } from './place.ts';

/** Fills up the legacy table with copies of its sample rows, until it has `rows`. */
export async function growClients(databaseUrl: string, rows: number): Promise<void> {
  await withClient(databaseUrl, async (client) => {
    await client.query(
      `INSERT INTO clients
       SELECT (c).* FROM (
         SELECT jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), 'email', n || '.' || c.email)) AS c
         FROM generate_series(2, $1::int / (SELECT count(*) FROM clients)) AS s (n), clients AS c) AS copies`,
      [rows],
    );
    await client.query('VACUUM ANALYZE clients');
  });
}

/** Runs backfill, verify or a plain read of both sides of `clients`, in a process of its own. */
export async function replicate(
  place: Place,
  work: ReplicateInput['work'],
  sides: { legacy: Legacy; newUrl: string },
): Promise<ReplicateAnswer> {
  await withClient(sides.newUrl, (client) => client.query('CHECKPOINT'));
  return await place.job<ReplicateAnswer>('replicate', { work } satisfies ReplicateInput, {
    DATABASE_URL: sides.newUrl,
    SUPABASE_URL: sides.legacy.url,
    SUPABASE_SERVICE_ROLE_KEY: LEGACY_KEY,
  });
}

/** The new side as it was before the backfill. */
export async function emptyNewSide(newUrl: string): Promise<void> {
  await withClient(newUrl, (client) => client.query('TRUNCATE clients CASCADE; DELETE FROM banyan.backfill'));
}
