import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t from 'tap';
import { bindSnapshot } from '../../src/app/bind.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { PrismaStoreSettings } from '../../src/domain/configuration.ts';
import type { Row } from '../../src/domain/values.ts';
import { PrismaStore } from '../../src/stores/prisma/store.ts';
import { modeOf, moveByFile, send } from '../harness/api.ts';
import { startGateway, type TestConfig } from '../harness/gateway.ts';
import { applyMigrations } from '../harness/migrations.ts';
import { createDatabase, ROOT } from '../harness/postgres.ts';
import { startRestServer, type RestStyle } from '../harness/rest-server.ts';
import { MIGRATIONS, SCHEMA } from '../harness/two-sides.ts';
import { until } from '../harness/wait.ts';

/** Leads behind an API that draws every key itself. */
const STYLE: RestStyle = {
  paging: 'offset',
  cut: 100,
  filters: [],
  sort: [],
  wrap: {
    list: (items, { total }) => ({ items, total }),
    record: (record) => record,
    body: (body) => body as Row,
  },
  drawsKeys: true,
};

const configText = `
server: { host: 127.0.0.1, port: "\${PORT:-0}" }
stores:
  crm:
    kind: http
    url: \${CRM_URL}
    headers: { authorization: "Bearer \${CRM_TOKEN}" }
    ping: /health
    keys: store
    timeout: 3s
    deadline: 7s
    api:
      paging: { by: offset, max: 100 }
      answers: { list: items, total: total }
      errors: { message: problem.says, field: problem.about }
  new: { kind: prisma, url: "\${DATABASE_URL}", ownerUrl: "\${DATABASE_OWNER_URL}", schema: ${SCHEMA} }
resources:
  leads:
    path: /api/leads
    mode: legacy
    guards: { shadowReads: 0, mismatches: 0, lag: 2s }
    legacy: { store: crm, table: leads }
    new: { store: new, model: Lead }
    fields: { case: snake }
    query: { filters: [email], sort: [-createdAt] }
`;

t.test(
  'D1: where only the legacy API draws keys, creates are sent without one and follow under its key',
  async (t) => {
    const [old, fresh] = [await createDatabase(t), await createDatabase(t)];
    await applyMigrations(old.accounts.owner, MIGRATIONS);
    const env: Record<string, string> = {
      DATABASE_URL: fresh.accounts.gateway,
      DATABASE_OWNER_URL: fresh.accounts.owner,
      CRM_URL: 'http://127.0.0.1:1',
      CRM_TOKEN: 'none',
    };
    const folder = await mkdtemp(join(tmpdir(), 'banyan-crm-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    const config: TestConfig = {
      file: join(folder, 'routes.config.yaml'),
      text: configText,
      async write(text) {
        config.text = text;
        await writeFile(config.file, text);
      },
      async setMode(resource, mode) {
        await config.write(
          config.text.replace(new RegExp(`(  ${resource}:\\n    path: .*\\n    mode: )[\\w-]+`), `$1${mode}`),
        );
      },
    };
    await config.write(configText);
    const loaded = loadConfig({ file: config.file, env });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const spec = (await bindSnapshot(loaded.snapshot, () => undefined)).resources.get('leads')?.legacy.table
      .spec;
    if (!spec) throw new Error('no leads');
    const settings: PrismaStoreSettings = {
      kind: 'prisma',
      url: old.url,
      ownerUrl: old.url,
      reportsUrl: null,
      schema: resolve(ROOT, 'prisma/schema.prisma'),
      timeout: 5_000,
      deadline: 15_000,
      pool: { max: 5, wait: 5_000 },
      statementTimeout: 5_000,
      slowQueries: null,
    };
    const behind = new PrismaStore('behind', settings, () => undefined);
    const server = await startRestServer([behind.table(spec)], STYLE);
    t.teardown(async () => {
      await server.stop();
      await behind.close();
    });
    const gateway = await startGateway(t, {
      config,
      env: { ...env, CRM_URL: server.url, CRM_TOKEN: server.token },
    });
    const before = await send(gateway.url, 'POST', '/api/leads', {
      name: 'Before',
      email: 'before@example.com',
    });
    t.equal(before.status, 201, JSON.stringify(before.body));
    await moveByFile(config, fresh, 'leads', 'dual-write');

    const made = await send(gateway.url, 'POST', '/api/leads', { name: 'Ada', email: 'ada@example.com' });
    t.equal(made.status, 201, JSON.stringify(made.body));
    const [row] = await old.query<{ id: string }>(
      `SELECT id::text FROM leads WHERE email = 'ada@example.com'`,
    );
    t.equal((made.body as Row).id, row?.id, "the answer has the API's key");
    await until(
      async () => (await fresh.query('SELECT FROM leads WHERE id = $1::uuid', [row?.id])).length === 1,
      {
        what: 'the new side has it under that key',
        timeout: 30_000,
      },
    );
    await until(async () => (await fresh.query('SELECT FROM leads')).length === 2, {
      what: 'and the one from before',
    });
    const own = { id: '00000000-0000-4000-8000-000000000001', name: 'Own', email: 'own@example.com' };
    const refused = await send(gateway.url, 'POST', '/api/leads', own);
    t.equal(refused.status, 400);
    t.match(JSON.stringify(refused.body), /is drawn by the store/);

    await moveByFile(config, fresh, 'leads', 'shadow');
    await config.setMode('leads', 'live');
    await until(
      async () => {
        const [wanted] = await fresh.query<{ refusal: unknown }>(
          `SELECT refusal FROM banyan.wanted WHERE resource = 'leads'`,
        );
        return JSON.stringify(wanted?.refusal ?? null).includes('draws all keys itself');
      },
      { what: 'the step to live is refused: what is made there could not follow', timeout: 60_000 },
    );
    t.equal(await modeOf(fresh, 'leads'), 'shadow');
  },
);
