import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { BanyanError } from '../../domain/errors.ts';
import { type Party, failure } from '../../postgres/errors.ts';

/** What the database is called in messages. */
const PARTY: Party = { title: "the database to migrate, with its owner's account,", role: 'store' };

/** The error of the catalogue for a connection that failed. */
export function connectFailure(error: unknown): BanyanError {
  return failure(error, PARTY, 'connect');
}

/** A migration as its file stands. */
export interface MigrationFile {
  name: string;
  script: string;
}

interface Recorded {
  name: string;
  checksum: string;
  finished: boolean;
  undone: boolean;
}

/**
 * Whether Prisma's own table says that each migration was applied as its file stands, and that none failed: then the
 * schema engine, five megabytes of WebAssembly, has nothing to do. In any doubt the answer is false, and it looks itself.
 * The checksum is the SHA-256 of the script in hex, as Prisma keeps it.
 */
export async function isUpToDate(client: pg.Client, files: readonly MigrationFile[]): Promise<boolean> {
  const found = await client.query<{ there: boolean }>(
    `SELECT to_regclass('public._prisma_migrations') IS NOT NULL AS there`,
  );
  if (!found.rows[0]?.there) return false;
  const { rows } = await client.query<Recorded>(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS finished, rolled_back_at IS NOT NULL AS undone
     FROM public._prisma_migrations`,
  );
  const standing = rows.filter(({ undone }) => !undone);
  if (standing.some(({ finished }) => !finished)) return false;
  const checksums = new Map(standing.map(({ name, checksum }) => [name, checksum]));
  return files.every(({ name, script }) => checksums.get(name) === checksumOf(script));
}

function checksumOf(script: string): string {
  return createHash('sha256').update(script).digest('hex');
}
