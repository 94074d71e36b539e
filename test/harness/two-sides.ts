import { resolve } from 'node:path';
import { loadSampleData } from '../../src/quickstart/sample-data.ts';
import { type SupabaseLite, startSupabaseLite } from '../../src/quickstart/supabase-lite.ts';
import { applyMigrations } from './migrations.ts';
import { ROOT, type Teardown, type TestDatabase, createDatabase } from './postgres.ts';

export const SCHEMA = resolve(ROOT, 'prisma/schema.prisma');
export const MIGRATIONS = resolve(ROOT, 'prisma/migrations');

/** System E's legacy: a database of a test's own with the ERP's tables, served as Supabase serves it. */
export interface LegacySide {
  database: TestDatabase;
  supabase: SupabaseLite;
  /** The service role's key. */
  key: string;
}

export interface TwoSides {
  legacy: LegacySide;
  /** The new database, migrated by its owner unless asked otherwise; the control schema is not in it. */
  new: TestDatabase;
  /** The environment that names these stores, as the quick start would give it. */
  env: Record<string, string>;
}

export interface SidesOptions {
  /** Share of the full sample data in legacy; left out: no rows. */
  scale?: number;
  seed?: number;
  /** False: the new database stays empty. */
  migrate?: boolean;
}

/** Starts a legacy side; everything ends with the test. */
export async function startLegacy(t: Teardown, options: SidesOptions = {}): Promise<LegacySide> {
  const database = await createDatabase(t);
  const key = 'sb_secret_for-tests-only';
  const supabase = await startSupabaseLite({ databaseUrl: database.url, secretKey: key });
  t.teardown(() => supabase.stop());
  if (options.scale) await loadSampleData(database.url, { scale: options.scale, seed: options.seed });
  return { database, supabase, key };
}

/** A legacy side and a new side, as at the beginning of the road. */
export async function createTwoSides(t: Teardown, options: SidesOptions = {}): Promise<TwoSides> {
  const [legacy, fresh] = await Promise.all([startLegacy(t, options), createDatabase(t)]);
  if (options.migrate !== false) await applyMigrations(fresh.accounts.owner, MIGRATIONS);
  return {
    legacy,
    new: fresh,
    env: {
      DATABASE_URL: fresh.accounts.gateway,
      DATABASE_OWNER_URL: fresh.accounts.owner,
      REPORTS_DATABASE_URL: fresh.accounts.reports,
      SUPABASE_URL: legacy.supabase.url,
      SUPABASE_SERVICE_ROLE_KEY: legacy.key,
      LEGACY_API_URL: legacy.supabase.url,
    },
  };
}
