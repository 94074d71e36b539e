import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { startGateway, testConfig } from '../harness/gateway.ts';
import { ROOT } from '../harness/postgres.ts';
import { createTwoSides } from '../harness/two-sides.ts';

/** Below the project, so that the client finds openapi-fetch as a front end does. */
await mkdir(resolve(ROOT, '.cache'), { recursive: true });
const folder = await mkdtemp(resolve(ROOT, '.cache/client-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'nodenext',
    lib: ['es2022', 'dom'],
    types: [],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    skipLibCheck: true,
  },
};

const CLIENT = `import createClient from 'openapi-fetch';
import type { paths } from './api.ts';

declare const process: { argv: string[] };
const client = createClient<paths>({ baseUrl: process.argv[2] ?? '' });
const made = await client.POST('/api/clients', { body: { name: 'Ada', email: 'ada@example.fr', tags: ['vip'] } });
if (!made.data) throw new Error(made.error.error.message);
const id: string = made.data.data.id;
const read = await client.GET('/api/clients/{id}', { params: { path: { id } } });
const name: string | undefined = read.data?.data.name;
const revenue: number | null | undefined = read.data?.data.revenue;
const list = await client.GET('/api/clients', { params: { query: { 'email[contains]': 'ada', limit: 5 } } });
const next: string | null | undefined = list.data?.pagination.nextCursor;
const batch = await client.POST('/api/clients/batch', { body: [{ name: 'B', email: 'b@example.fr' }] });
const accepted: number | undefined = batch.data?.data.accepted;
const old = await client.GET('/v1/clients/{id}', { params: { path: { id } } });
const label: string | undefined = old.data?.data.label;
const wrong = await client.GET('/api/clients/{id}', { params: { path: { id: '0' } } });
const code: 'invalid-key' | string | undefined = wrong.error?.error.code;
console.log(JSON.stringify({ name, revenue, next, accepted, label, code, count: list.data?.data.length }));
`;

/** Each line is something that the types must refuse. */
const WRONG = `import createClient from 'openapi-fetch';
import type { paths } from './api.ts';

const client = createClient<paths>({ baseUrl: '' });
await client.POST('/api/clients', { body: { email: 'a@b.fr' } });
await client.POST('/api/clients', { body: { name: 7, email: 'a@b.fr' } });
await client.GET('/api/customers');
await client.GET('/api/clients', { params: { query: { notes: 'x' } } });
(await client.GET('/v1/clients')).data?.data[0]?.notes;
`;

function compile(): string[] {
  const tsc = resolve(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--project', join(folder, 'tsconfig.json')], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((line) => line.includes('error TS'));
}

t.test('N1, N2: types of the document compile a client, which then speaks with the gateway', async (t) => {
  const sides = await createTwoSides(t);
  const versions =
    '\n    batch: {}\n    versions: { v1: { path: /v1/clients, fields: [name], rename: { label: name } } }';
  const config = await testConfig(t, [[/(\n  clients:\n    path: .*\n    mode: .*)/, `$1${versions}`]]);
  const banyan = resolve(ROOT, 'bin/banyan.js');
  const made = spawnSync(
    process.execPath,
    [banyan, 'client', '--config', config.file, '--out', join(folder, 'api.ts')],
    { cwd: ROOT, env: { ...process.env, ...sides.env }, encoding: 'utf8' },
  );
  t.equal(made.status, 0, made.stderr);
  await writeFile(join(folder, 'client.ts'), CLIENT);
  await writeFile(join(folder, 'wrong.ts'), WRONG);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ ...TSCONFIG, files: ['client.ts', 'wrong.ts'] }),
  );
  const errors = compile();
  const inWrong = (line: string) => line.startsWith('wrong.ts(');
  t.same(
    errors.filter((line) => !inWrong(line)),
    [],
    'it compiles',
  );
  const refused = errors.filter(inWrong).map((line) => Number(/\((\d+),/.exec(line)?.[1]));
  t.same([...new Set(refused)], [5, 6, 7, 8, 9], 'and whatever is wrong does not');

  const gateway = await startGateway(t, { config, env: sides.env });
  // Not in step with this process: Supabase's server runs in it.
  const ran = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', join(folder, 'client.ts'), gateway.url],
    { cwd: ROOT },
  );
  t.same(JSON.parse(ran.stdout), {
    name: 'Ada',
    revenue: null,
    next: null,
    accepted: 1,
    label: 'Ada',
    code: 'invalid-key',
    count: 1,
  });
});
