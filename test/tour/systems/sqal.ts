import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { fillLegacy } from '../../../examples/sqal/data.ts';
import { type Accounts, makeDatabase, withClient } from '../../../src/quickstart/accounts.ts';
import { startEmbeddedPostgres } from '../../../src/quickstart/embedded-postgres.ts';
import { configOf } from '../../harness/gateway.ts';
import { startIssuer } from '../../harness/issuer.ts';
import { type StoreQuery, type Subject, versionsOf } from '../../load/subjects.ts';
import { FOLDER } from '../../systems/sqal/place.ts';
import type { Endings } from '../endings.ts';
import { MAIN_ROAD, type Place, type TourSystem } from '../system.ts';

const LOGIN = { password: 'tour' } as const;
const ACCOUNTS: Accounts = {
  owner: { user: 'tour_owner', ...LOGIN },
  gateway: { user: 'tour_gateway', ...LOGIN },
  reports: { user: 'tour_reports', ...LOGIN },
};

/** Filled in when the place is started: whose token the clients send, and which device the samples are of. */
const headers: Record<string, string> = {};
let device = '';

/** A Postgres that forgets nothing, with the hand-written tables and the new ones, and an issuer. */
async function startPlace(endings: Endings, records: number): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-tour-'));
  endings.teardown(() => rm(folder, { recursive: true, force: true }));
  // Started by root, Postgres runs under another account, which must get there.
  await chmod(folder, 0o755);
  const log = (line: string) => console.log(`  ${line}`);
  const postgres = await startEmbeddedPostgres({ folder: join(folder, 'postgres'), use: 'exclusive', log });
  endings.teardown(() => postgres.stop());
  await withClient(postgres.url('postgres'), async (client) => {
    await makeDatabase(client, 'sqal', ACCOUNTS);
    await client.query('CREATE DATABASE sqal_legacy');
  });
  const legacyUrl = postgres.url('sqal_legacy');
  const [organisation] = (await fillLegacy(legacyUrl, { samples: records })).organisations;
  device = organisation?.devices[0] ?? '';
  const issuer = await startIssuer(endings);
  const claims = {
    sub: 'tour',
    organisation: organisation?.id,
    realm_access: { roles: ['device', 'admin'] },
  };
  headers.authorization = `Bearer ${await issuer.token(claims, { audience: 'sqal', expiresIn: 86_400 })}`;
  const control = queryOf(endings, postgres.url('sqal'));
  return {
    env: {
      LEGACY_DATABASE_URL: legacyUrl,
      DATABASE_URL: postgres.url('sqal', ACCOUNTS.gateway),
      DATABASE_OWNER_URL: postgres.url('sqal', ACCOUNTS.owner),
      OIDC_ISSUER: issuer.url,
      LOG_LEVEL: process.env.LOG_LEVEL ?? 'warn',
    },
    legacy: versionsOf(
      queryOf(endings, legacyUrl),
      'SELECT sample_id::text AS key, ml_score AS version FROM sensor_data WHERE sample_id = ANY ($1::uuid[])',
    ),
    new: versionsOf(
      control,
      'SELECT id::text AS key, score AS version FROM sensor_samples WHERE id = ANY ($1::uuid[])',
    ),
    control,
  };
}

function queryOf(endings: Endings, url: string): StoreQuery {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  pool.on('error', () => undefined);
  endings.teardown(() => pool.end());
  return async (text, parameters = []) =>
    (await pool.query<Record<string, unknown>>(text, parameters as unknown[])).rows;
}

const samples: Subject = {
  path: '/v2/samples',
  envelope: 'none',
  headers,
  version: 'score',
  text: 'remark',
  group: 'quality',
  whole: (_label, group, version) => ({
    deviceId: device,
    takenAt: '2026-05-01T00:00:00.123456Z',
    temperature: 21.125,
    quality: group,
    score: version,
    explanation: { of: group, nested: [version, null] },
    remark: `version ${version} – "é, 'quoted', 🌳"`,
  }),
};

const EDITS: readonly (readonly [RegExp, string])[] = [
  // Parents go ahead.
  [/(path: \/v2\/(?:organisations|devices)\n {4}mode: )legacy/g, '$1dual-write'],
  [
    /(\n {2}samples:\n {4}path: .*\n {4}mode: legacy)/,
    '$1\n    guards: { shadowReads: 200, mismatches: 0, lag: 2s }\n    switch: { hold: 8s, budget: 7s }',
  ],
  // The load writes texts of its own, as fast as it can.
  [/\n {4}schemas: \{ create: schemas\/sample.json \}/, ''],
  [/\n {4}rateLimit: .*/, ''],
  [/: schemas\//g, `: ${FOLDER}/schemas/`],
  [/timeout: 2s\n {4}deadline: 6s/g, 'timeout: 2s\n    deadline: 5s'],
  [/schema: prisma\//g, `schema: ${FOLDER}/prisma/`],
];

/** System Q's samples, on the main road. */
export const sqal: TourSystem = {
  name: 'sqal',
  resource: 'samples',
  subject: samples,
  roads: [MAIN_ROAD],
  startPlace,
  config: async (endings) => await configOf(endings, join(FOLDER, 'routes.config.yaml'), EDITS),
};
