import { readFile, readdir } from 'node:fs/promises';
import { BanyanError } from '../domain/errors.ts';
import type { Database, Sql } from '../domain/sql.ts';
import { quoteIdentifier } from './quoting.ts';

const FOLDER = new URL('./migrations/', import.meta.url);
/** Advisory lock that lets one process migrate at a time: "bany" in ASCII. */
const MIGRATION_LOCK = 0x62616e79;

/** Applies the numbered files of `migrations/` that the control schema lacks, each in one transaction with its record. */
export async function migrateControl(database: Database): Promise<{ applied: string[] }> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  const applied: string[] = [];
  for (const file of files) {
    const text = await readFile(new URL(file, FOLDER), 'utf8');
    if (await applyOnce(database, file, text)) applied.push(file);
  }
  return { applied };
}

async function applyOnce(database: Database, file: string, text: string): Promise<boolean> {
  return await database.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    await sql.query('CREATE SCHEMA IF NOT EXISTS banyan');
    await sql.query(
      'CREATE TABLE IF NOT EXISTS banyan.migration (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())',
    );
    const { rows } = await sql.query('SELECT 1 FROM banyan.migration WHERE name = $1', [file]);
    if (rows.length > 0) return false;
    try {
      await sql.query(text);
    } catch (error) {
      throw new BanyanError('migration-failed', `control migration ${file}: ${(error as Error).message}`, {
        cause: error,
      });
    }
    await sql.query('INSERT INTO banyan.migration (name) VALUES ($1)', [file]);
    return true;
  });
}

/** Names of the control migrations that have not been applied; all of them where the schema is missing. */
export async function pendingControlMigrations(sql: Sql): Promise<string[]> {
  const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  const { rows: exists } = await sql.query<{ there: string | null }>(
    `SELECT to_regclass('banyan.migration') AS there`,
  );
  if (exists[0]?.there == null) return files;
  const { rows } = await sql.query<{ name: string }>('SELECT name FROM banyan.migration');
  const done = new Set(rows.map((row) => row.name));
  return files.filter((file) => !done.has(file));
}

/** Accounts of the new database beside its owner (E8). */
export interface Accounts {
  /** Reads and writes: the gateway. */
  gateway: string | null;
  /** Reads the product's tables only: reports. */
  reports: string | null;
}

/** Grants what each account needs and no more. Doing it again changes nothing. Needs the owner. */
export async function grantAccounts(sql: Sql, accounts: Accounts, tables: readonly string[]): Promise<void> {
  const list = tables.map(quoteIdentifier).join(', ');
  if (accounts.gateway) {
    const role = quoteIdentifier(accounts.gateway);
    await sql.query(`GRANT USAGE ON SCHEMA public, banyan TO ${role}`);
    await sql.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA banyan TO ${role}`);
    await sql.query(`GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA banyan, public TO ${role}`);
    if (list) await sql.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${list} TO ${role}`);
  }
  if (accounts.reports) {
    const role = quoteIdentifier(accounts.reports);
    await sql.query(`GRANT USAGE ON SCHEMA public TO ${role}`);
    if (list) await sql.query(`GRANT SELECT ON ${list} TO ${role}`);
  }
}
