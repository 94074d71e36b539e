import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { freePort } from '../src/quickstart/place.ts';

/** What is around the gateway of an example, started. */
interface Surroundings {
  /** The example's routes.config.yaml. */
  config: string;
  env: Record<string, string>;
  welcome(url: string): string;
  stop(): Promise<unknown>;
}

interface Start {
  start(options: { folder: string; scale?: number; log: (line: string) => void }): Promise<Surroundings>;
}

/** `npm run example -- SYSTEM`: a new one is a folder beside this file and a line here. */
const SYSTEMS: Readonly<Record<string, () => Promise<Start>>> = {
  hybrid: () => import('./hybrid/start.ts'),
  novacrm: () => import('./novacrm/start.ts'),
  sqal: () => import('./sqal/start.ts'),
  shop: () => import('./shop/start.ts'),
};

const ROOT = resolve(import.meta.dirname, '..');

async function main([name = '', ...rest]: string[]): Promise<void> {
  const load = SYSTEMS[name];
  if (!load) {
    console.error(`npm run example -- SYSTEM, with one of ${Object.keys(SYSTEMS).join(', ')}`);
    process.exitCode = 2;
    return;
  }
  const scale = rest[0] === '--scale' ? Number(rest[1]) : undefined;
  const { start } = await load();
  const folder = resolve(ROOT, '.banyan', 'examples', name);
  const around = await start({ folder, scale, log: (line) => console.log(line) });
  const port = process.env.PORT ?? String(await freePort(null));
  const gateway = spawn(process.execPath, ['--import', 'tsx', resolve(ROOT, 'src/main.ts')], {
    cwd: ROOT,
    env: { ...process.env, ...around.env, BANYAN_CONFIG: around.config, PORT: port },
    stdio: 'inherit',
  });
  const ended = new Promise((done) => gateway.once('exit', done));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => gateway.kill('SIGTERM'));
  const url = `http://127.0.0.1:${port}`;
  await Promise.race([whenReady(url), ended]);
  if (gateway.exitCode === null) console.log(around.welcome(url));
  await ended;
  await around.stop();
}

async function whenReady(url: string): Promise<void> {
  const isReady = () =>
    fetch(`${url}/_banyan/ready`).then(
      ({ status }) => status === 200,
      () => false,
    );
  while (!(await isReady())) await new Promise((resume) => setTimeout(resume, 100));
}

await main(process.argv.slice(2));
