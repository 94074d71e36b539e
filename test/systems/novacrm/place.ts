import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import SQLite from 'better-sqlite3';
import { makeLegacy } from '../../../examples/novacrm/data.ts';
import { complianceService } from '../../../examples/novacrm/compliance/service.ts';
import type { ComplianceEngine } from '../../../examples/novacrm/compliance/engine.ts';
import { tokenFor, type Role } from '../../../examples/novacrm/token.ts';
import { configOf, type TestConfig } from '../../harness/gateway.ts';
import type { Subject } from '../../load/subjects.ts';
import { applyMigrations } from '../../harness/migrations.ts';
import { createDatabase, ROOT, type Teardown, type TestDatabase } from '../../harness/postgres.ts';

export const FOLDER = resolve(ROOT, 'examples/novacrm');
export const SECRET = 'a secret of the tests of NovaCRM, long enough';

/** Real stores and a real service around the gateways of a test. */
export interface NovaCrm {
  env: Record<string, string>;
  /** The MVP's file, as another program sees it. */
  legacy: SQLite.Database;
  new: TestDatabase;
  config: TestConfig;
}

/** Edits that make the road quick to walk, and paths that hold from another folder. */
const QUICK: readonly (readonly [RegExp, string])[] = [
  [
    /(\n    mode: legacy)(\n    legacy: \{ store)/g,
    '$1\n    guards: { shadowReads: 0, mismatches: 0, lag: 2s }$2',
  ],
  [/module: operations\//g, `module: ${FOLDER}/operations/`],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** `migrate`: false leaves the tables to the gateway. */
export async function startNovaCrm(
  t: Teardown,
  { scale = 0, migrate = true }: { scale?: number; migrate?: boolean } = {},
): Promise<NovaCrm> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-novacrm-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'novacrm.db');
  await makeLegacy(file, { scale });
  const legacy = new SQLite(file);
  t.teardown(() => legacy.close());
  const database = await createDatabase(t);
  if (migrate) await applyMigrations(database.accounts.owner, join(FOLDER, 'prisma/migrations'));
  return {
    env: {
      NOVACRM_FILE: file,
      DATABASE_URL: database.accounts.gateway,
      DATABASE_OWNER_URL: database.accounts.owner,
      JWT_SECRET: SECRET,
      LOG_LEVEL: 'info',
    },
    legacy,
    new: database,
    config: await configOf(t, join(FOLDER, 'routes.config.yaml'), QUICK),
  };
}

/** The compliance engine as a service; its URL, and how often it was asked. */
export async function startCompliance(
  t: Teardown,
  engine?: ComplianceEngine,
): Promise<{ url: string; server: Server; asked: () => number }> {
  let count = 0;
  const server = complianceService(engine);
  server.on('request', () => (count += 1));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, asked: () => count };
}

/** What a load writes in tasks. */
export function taskSubject(headers: Record<string, string>): Subject {
  return {
    path: '/api/v1/tasks',
    envelope: 'none',
    headers,
    version: 'priority',
    text: 'body',
    group: 'owner',
    whole: (label, group, version) => ({
      title: `Load ${label}`,
      owner: group,
      priority: version,
      body: `version ${version} – "é, 'quoted', 🌳"`,
    }),
  };
}

export async function bearer(role: Role): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await tokenFor(role, SECRET)}` };
}
