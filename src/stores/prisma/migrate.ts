import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { BanyanError } from '../../domain/errors.ts';
import { connectFailure, isUpToDate } from './migration-history.ts';
import type { MigrationList, SchemaEngine, SchemasContainer, ScriptFailure } from './schema-engine.ts';

export interface MigrationPaths {
  /** Connection URL of the owner of the database. Secret. */
  url: string;
  /** Path of the Prisma schema, a file or a folder of `.prisma` files. */
  schema: string;
  /** Path of the folder of migrations, in Prisma's own layout. */
  migrations: string;
}

/**
 * Key of the advisory lock under which one process looks at the history and then applies. The engine itself takes
 * another (72707369, as Prisma's CLI does) for applying alone, on a connection of its own: the keys must differ.
 */
const MIGRATION_LOCK = 0x62616e6d;

/**
 * Brings a database up to the last migration, as `prisma migrate deploy` would and in the same `_prisma_migrations`
 * table, but without a downloaded engine. Answers the names that were applied now. Of several processes at once, one
 * applies and the others find nothing left. Throws `migration-failed` with the name of the migration.
 */
export async function migratePrisma(paths: MigrationPaths): Promise<{ applied: string[] }> {
  const migrationsList = readMigrations(paths.migrations);
  const apply = async (engine: SchemaEngine) => {
    const history = await diagnose(engine, migrationsList);
    const [failed] = history.failedMigrationNames;
    if (failed) throw failedBefore(failed);
    const [edited] = history.editedMigrationNames;
    if (edited) throw changedSince(edited);
    const result = await engine.applyMigrations({ migrationsList, filters: FILTERS });
    return { applied: result.appliedMigrationNames };
  };
  const explain = async (message: string, failed: ScriptFailure | undefined, engine: SchemaEngine) => {
    const name = (await diagnose(engine, migrationsList)).failedMigrationNames[0];
    if (!name || !failed) return `The schema engine failed: ${message}`;
    return failedNow(name, failed, await forgetFailure(engine, name, failed.script));
  };
  return await alone(paths.url, async (client) => {
    // Another `schema` in the URL has a history of its own.
    if (!/[?&]schema=/.test(paths.url) && (await isUpToDate(client, filesOf(migrationsList))))
      return { applied: [] };
    return await (
      await engineLoader()
    )(paths.url, [], apply, explain);
  });
}

/** Loaded when it is needed: a gateway that finds its database up to date starts without it. */
async function engineLoader() {
  return (await import('./schema-engine.ts')).withSchemaEngine;
}

function filesOf({ migrationDirectories }: MigrationList) {
  return migrationDirectories.flatMap(({ path: name, migrationFile: { content } }) =>
    content.tag === 'ok' ? [{ name, script: content.value }] : [],
  );
}

/** Names of the migrations that the database does not have yet, in their order. */
export async function pendingMigrations(paths: MigrationPaths): Promise<string[]> {
  const migrationsList = readMigrations(paths.migrations);
  const withSchemaEngine = await engineLoader();
  return await withSchemaEngine(paths.url, [], async (engine) => {
    const { history, failedMigrationNames } = await diagnose(engine, migrationsList);
    const unapplied = history && 'unappliedMigrationNames' in history ? history.unappliedMigrationNames : [];
    return [...new Set([...failedMigrationNames, ...unapplied])].sort();
  });
}

/**
 * The SQL that would make the database equal to the Prisma schema; empty when it is. Only the schema that the URL
 * names (`public`) is looked at, never the gateway's own.
 */
export async function schemaDifference(paths: Pick<MigrationPaths, 'url' | 'schema'>): Promise<string> {
  const { files } = readSchema(paths.schema);
  const datamodels = files.map((file): [string, string] => [file.path, file.content]);
  const withSchemaEngine = await engineLoader();
  return await withSchemaEngine(paths.url, datamodels, async (engine) => {
    const difference = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: '' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: FILTERS,
    });
    const script = (difference.stdout ?? '').trim();
    return script === '-- This is an empty migration.' ? '' : script;
  });
}

const FILTERS = { externalTables: [], externalEnums: [] };

function diagnose(engine: SchemaEngine, migrationsList: MigrationList) {
  return engine.diagnoseMigrationHistory({ migrationsList, optInToShadowDatabase: false, filters: FILTERS });
}

/**
 * A script is one transaction unless it says otherwise itself, so Postgres has undone a failed one and it may simply
 * be tried again. Answers whether that is so.
 */
async function forgetFailure(engine: SchemaEngine, migrationName: string, script: string): Promise<boolean> {
  if (/\b(BEGIN|COMMIT|CONCURRENTLY|START\s+TRANSACTION)\b/i.test(script)) return false;
  await engine.markMigrationRolledBack({ migrationName });
  return true;
}

function readSchema(path: string): SchemasContainer {
  const names = statSync(path).isDirectory()
    ? readdirSync(path, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.prisma'))
        .sort()
        .map((name) => join(path, name))
    : [path];
  return { files: names.map((name) => ({ path: name, content: readFileSync(name, 'utf8') })) };
}

function readMigrations(folder: string): MigrationList {
  if (!existsSync(folder))
    throw new BanyanError('migration-failed', `There is no folder of migrations at ${folder}.`);
  const lockfile = join(folder, 'migration_lock.toml');
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(folder, entry.name, 'migration.sql')))
    .map((entry) => entry.name)
    .sort();
  return {
    baseDir: folder,
    lockfile: {
      path: 'migration_lock.toml',
      content: existsSync(lockfile) ? readFileSync(lockfile, 'utf8') : null,
    },
    shadowDbInitScript: '',
    migrationDirectories: names.map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok', value: readFileSync(join(folder, name, 'migration.sql'), 'utf8') },
      },
    })),
  };
}

/** Runs `work` while no other process migrates the same database. */
async function alone<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'banyan migrate',
    keepAlive: true,
  });
  client.on('error', () => {});
  try {
    await client.connect().catch((error: unknown) => Promise.reject(connectFailure(error)));
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

function failedNow(name: string, { script, error }: ScriptFailure, undone: boolean): string {
  const line = error.position ? `, line ${script.slice(0, Number(error.position)).split('\n').length}` : '';
  const remedy = undone
    ? 'It was undone as a whole, and nothing after it was applied. Correct its SQL and migrate again.'
    : `It has transactions of its own, so a part of it may be in force. ${howToResolve(name)}`;
  return `The migration "${name}" failed: ${error.message} (SQLSTATE ${error.code}${line}). ${remedy}`;
}

function failedBefore(name: string): BanyanError {
  return new BanyanError(
    'migration-failed',
    `The migration "${name}" failed or was broken off in an earlier run. ${howToResolve(name)}`,
  );
}

function howToResolve(name: string): string {
  return (
    'Correct its SQL and what it left in the database, then delete its unfinished row from "_prisma_migrations" ' +
    `(or run "prisma migrate resolve --rolled-back ${name}") and migrate again.`
  );
}

function changedSince(name: string): BanyanError {
  return new BanyanError(
    'migration-failed',
    `The migration "${name}" was changed after it had been applied to this database. Restore its file, and put the ` +
      'change into a migration of its own.',
  );
}
