import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withClient } from '../../src/quickstart/accounts.ts';

/** Prisma's own table. */
const HISTORY = `CREATE TABLE _prisma_migrations (
  id varchar(36) PRIMARY KEY NOT NULL,
  checksum varchar(64) NOT NULL,
  finished_at timestamptz,
  migration_name varchar(255) NOT NULL,
  logs text,
  rolled_back_at timestamptz,
  started_at timestamptz NOT NULL DEFAULT now(),
  applied_steps_count integer NOT NULL DEFAULT 0
)`;

/**
 * Leaves an empty database as `migratePrisma` does, without its engine: loading that takes longer than all else that is
 * done for a test's database. A gateway that starts on it finds it up to date.
 */
export async function applyMigrations(url: string, folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort();
  await withClient(url, async (client) => {
    await client.query(HISTORY);
    for (const name of names) {
      const script = await readFile(join(folder, name, 'migration.sql'), 'utf8');
      await client.query(script);
      await client.query(
        `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
         VALUES ($1, $2, now(), $3, 1)`,
        [randomUUID(), createHash('sha256').update(script).digest('hex'), name],
      );
    }
  });
}
