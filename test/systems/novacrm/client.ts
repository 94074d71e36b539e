import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ROOT, type Teardown } from '../../harness/postgres.ts';
import type { NovaCrm } from './place.ts';

const CLIENT = `import createClient from 'openapi-fetch';
import type { paths } from './api.ts';

const client = createClient<paths>({ baseUrl: 'http://127.0.0.1', headers: { authorization: 'Bearer x' } });
const list = await client.GET('/api/v1/deals', { params: { query: { stage: 'won', limit: 5 } } });
const title: string | undefined = list.data?.[0]?.title;
const stage: 'lead' | 'qualified' | 'in negotiation' | 'won' | 'lost' | undefined = list.data?.[0]?.stage;
const made = await client.POST('/api/v1/contacts', { body: { email: 'a@b.fr', fullName: 'A' } });
const id: number | undefined = made.data?.id;
export { title, stage, id };
`;

/** Each call is something that the types must refuse. */
const WRONG = `import createClient from 'openapi-fetch';
import type { paths } from './api.ts';

const client = createClient<paths>({ baseUrl: '' });
await client.POST('/api/v1/contacts', { body: { email: 'a@b.fr' } });
await client.POST('/api/v1/deals', { body: { accountId: 'x', title: 'x', stage: 'sold' } });
await client.GET('/api/v1/customers');
`;

const OPTIONS = {
  target: 'es2022',
  module: 'nodenext',
  lib: ['es2022', 'dom'],
  types: [],
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true,
};

/** Makes the types of NovaCRM's API and compiles two clients with them; answers what the compiler says of each. */
export async function compileClients(
  t: Teardown,
  crm: NovaCrm,
): Promise<Record<'right' | 'wrong', string[]>> {
  // Below the project, so that the client finds openapi-fetch as a front end does.
  await mkdir(resolve(ROOT, '.cache'), { recursive: true });
  const folder = await mkdtemp(resolve(ROOT, '.cache/novacrm-client-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const command = ['client', '--config', crm.config.file, '--out', join(folder, 'api.ts')];
  const made = spawnSync(process.execPath, [resolve(ROOT, 'bin/banyan.js'), ...command], {
    cwd: ROOT,
    env: { ...process.env, ...crm.env },
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`banyan client: ${made.stderr}${made.stdout}`);
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'right.ts'), CLIENT);
  await writeFile(join(folder, 'wrong.ts'), WRONG);
  const config = join(folder, 'tsconfig.json');
  await writeFile(config, JSON.stringify({ compilerOptions: OPTIONS, files: ['right.ts', 'wrong.ts'] }));
  const tsc = resolve(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--project', config], {
    cwd: folder,
    encoding: 'utf8',
  });
  const errors = stdout.split('\n').filter((line) => line.includes('error TS'));
  // What is wrong with the types themselves counts against the client that is right.
  const refused = (line: string) => line.startsWith('wrong.ts(');
  return { right: errors.filter((line) => !refused(line)), wrong: errors.filter(refused) };
}
