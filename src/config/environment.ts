import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseEnv } from 'node:util';
import type { Environment } from './variables.ts';

/** With one of these set, the stores are the operator's own and nothing is embedded. */
export const REAL_STORES = ['DATABASE_URL', 'SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY'] as const;

/** Where a running quick start says how its stores are reached, below the folder that it was started in. */
export const QUICKSTART_ENVIRONMENT = join('.banyan', 'environment');

/** What `${NAME}` is filled from: `.env` beside the configuration, below the real environment. */
export function readEnvironment(configFile: string, real: Environment): Environment {
  return { ...readDotenv(join(dirname(configFile), '.env')), ...real };
}

/** The same, or where it names no stores, those of the quick start that runs in `folder`. */
export function withQuickstart(environment: Environment, folder: string): Environment {
  if (REAL_STORES.some((name) => environment[name])) return environment;
  return { ...environment, ...readDotenv(join(folder, QUICKSTART_ENVIRONMENT)) };
}

function readDotenv(file: string): Environment {
  return existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
}
