import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimPort } from './port.ts';
import type { Teardown } from './postgres.ts';
import { until } from './wait.ts';

/** A Redis of a test's own, which keeps nothing. */
export interface TestRedis {
  url: string;
  port: number;
  /** SIGKILL; nobody has it any more. */
  kill(): Promise<void>;
}

/** Why a test that needs Redis is skipped, or false. */
export const NO_REDIS: string | false =
  spawnSync('redis-server', ['--version']).status === 0
    ? false
    : 'redis-server is not installed (Debian: apt-get install redis-server)';

export async function startRedis(t: Teardown, port = 0): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-redis-'));
  const chosen = port || (await claimPort());
  const options = [
    '--port',
    String(chosen),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const child = spawn('redis-server', options, { stdio: 'ignore' });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });
  await until(async () => await accepts(chosen), { what: 'Redis takes connections' });
  return { url: `redis://127.0.0.1:${chosen}`, port: chosen, kill };
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
