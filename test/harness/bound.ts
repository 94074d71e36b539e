import { resolve } from 'node:path';
import { bindSnapshot } from '../../src/app/bind.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { BoundResource } from '../../src/replication/resource.ts';
import { ROOT } from './postgres.ts';

/** A resource of the project's own configuration, bound to stores that nobody ever asks. */
export async function unconnected(name: string): Promise<BoundResource> {
  const env = {
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    SUPABASE_URL: 'http://127.0.0.1:1',
    SUPABASE_SERVICE_ROLE_KEY: 'none',
    LEGACY_API_URL: 'http://127.0.0.1:1',
  };
  const loaded = loadConfig({ file: resolve(ROOT, 'routes.config.yaml'), env });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const resource = (await bindSnapshot(loaded.snapshot, () => {})).resources.get(name);
  if (!resource) throw new Error(`routes.config.yaml has no resource ${name}`);
  return resource;
}
