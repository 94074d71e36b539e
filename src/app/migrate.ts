import { dirname, join } from 'node:path';
import { stat } from 'node:fs/promises';
import { BanyanError } from '../domain/errors.ts';
import type { PrismaStoreSettings } from '../domain/configuration.ts';
import type { Sql } from '../domain/sql.ts';
import { openDatabase } from '../postgres/database.ts';
import { capturedOf } from '../replication/captured.ts';
import { installCapture, missingCapture, type CapturedTable } from '../state/capture.ts';
import { grantAccounts, migrateControl, pendingControlMigrations } from '../state/migrate.ts';
import { migratePrisma, pendingMigrations } from '../stores/prisma/migrate.ts';
import type { Binding } from './bind.ts';

export interface MigrationReport {
  /** Names of the migrations that were applied, or would be. */
  models: string[];
  control: string[];
  /** Resources whose tables have got triggers. */
  captured: string[];
}

/**
 * Brings the new database up to date, as its owner: the Prisma migrations, the control schema, the triggers that mark
 * writes, and the grants of the other accounts. Several processes may do it at the same time; doing it again changes
 * nothing. `dryRun` only says what would be done.
 */
export async function migrateAll(binding: Binding, { dryRun = false } = {}): Promise<MigrationReport> {
  const { control } = binding;
  const paths = await migrationPaths(control);
  const owner = openDatabase({
    title: 'new database (owner)',
    role: 'control',
    url: control.ownerUrl,
    max: 1,
    wait: 5_000,
    timeout: 120_000,
    statementTimeout: 120_000,
  });
  try {
    if (dryRun) {
      const models = paths ? await pendingMigrations(paths) : [];
      const uncaptured = (await uncapturedTables(owner, binding)).map(({ resource }) => resource);
      return { models, control: await pendingControlMigrations(owner), captured: uncaptured };
    }
    const models = paths ? (await migratePrisma(paths)).applied : [];
    const { applied } = await migrateControl(owner);
    const uncaptured = await uncapturedTables(owner, binding);
    for (const table of uncaptured) await captureTable(owner, table);
    await grant(owner, binding);
    return { models, control: applied, captured: uncaptured.map(({ resource }) => resource) };
  } finally {
    await owner.close();
  }
}

/** The tables of the new side whose writes are marked, one per resource. */
export function capturedTables({ resources }: Binding): CapturedTable[] {
  return [...resources.values()].flatMap(capturedOf);
}

/** Whether a new configuration names a table that the one before did not. */
export function hasNewTables(next: Binding, before: Binding): boolean {
  const known = new Set(capturedTables(before).map((table) => JSON.stringify(table)));
  return capturedTables(next).some((table) => !known.has(JSON.stringify(table)));
}

async function uncapturedTables(owner: Sql, binding: Binding): Promise<CapturedTable[]> {
  const missing: CapturedTable[] = [];
  for (const table of capturedTables(binding)) {
    if ((await missingCapture(owner, table)).length > 0) missing.push(table);
  }
  return missing;
}

async function captureTable(
  owner: Parameters<typeof installCapture>[0],
  table: CapturedTable,
): Promise<void> {
  await installCapture(owner, table).catch((error: unknown) => {
    const message = `triggers on "${table.table}" for resource ${table.resource}: ${(error as Error).message}`;
    throw error instanceof BanyanError && error.code !== 'store-answer'
      ? error
      : new BanyanError('migration-failed', message, { cause: error });
  });
}

async function grant(owner: Parameters<typeof grantAccounts>[0], binding: Binding): Promise<void> {
  const accountOf = (url: string) => decodeURIComponent(new URL(url).username);
  const { url, ownerUrl, reportsUrl } = binding.control;
  const other = (account: string) => (account === accountOf(ownerUrl) ? null : account);
  const accounts = {
    gateway: other(accountOf(url)),
    reports: reportsUrl ? other(accountOf(reportsUrl)) : null,
  };
  await grantAccounts(
    owner,
    accounts,
    capturedTables(binding).map(({ table }) => table),
  );
}

/** `migrations/` beside the Prisma schema; null where there is none: then the tables are somebody else's to make. */
async function migrationPaths(control: PrismaStoreSettings) {
  const isFolder = (path: string) =>
    stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
  const folder = (await isFolder(control.schema)) ? control.schema : dirname(control.schema);
  const migrations = join(folder, 'migrations');
  return (await isFolder(migrations)) ? { url: control.ownerUrl, schema: control.schema, migrations } : null;
}
