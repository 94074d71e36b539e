import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isAlive } from '../../src/quickstart/postgres-process.ts';
import { ROOT } from './postgres.ts';

const run = promisify(execFile);

/** GPL-2.0: a tool of the tests in a process of its own, never a part of the package. */
const PACKAGE = 'SecantusDB==0.7.0b3';
const FOLDER = resolve(ROOT, '.cache/mongo');
const PROGRAM = resolve(FOLDER, 'bin/secantusd-py');
const DONE = resolve(FOLDER, 'set-up');
const LOCK = resolve(ROOT, '.cache/mongo.lock');
/** For one that sets up, including its download; ms. */
const PATIENCE = 300_000;

/** Path of the server's program, set up at its first use; files that run at the same time do it once. */
export async function setUpSecantus(): Promise<string | { reason: string }> {
  if (await isSetUp()) return PROGRAM;
  await takeLock();
  try {
    if (await isSetUp()) return PROGRAM;
    await rm(FOLDER, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', FOLDER], { timeout: PATIENCE });
    await run(resolve(FOLDER, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', PACKAGE], {
      timeout: PATIENCE,
    });
    // Last, so that what was broken off is begun anew.
    await writeFile(DONE, PACKAGE);
    return PROGRAM;
  } catch (error) {
    const { message, stderr, code } = error as Error & { stderr?: string; code?: string };
    if (code === 'ENOENT') return { reason: 'python3 is not installed' };
    return { reason: `it cannot be set up (${(stderr || message).trim().slice(-300)})` };
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}

async function isSetUp(): Promise<boolean> {
  const done = await readFile(DONE, 'utf8').catch(() => '');
  return done === PACKAGE && (await exists(PROGRAM));
}

/** A folder, for making one is atomic; its file says whose it is, so that a dead owner's is taken over. */
async function takeLock(): Promise<void> {
  await mkdir(resolve(ROOT, '.cache'), { recursive: true });
  const owner = resolve(LOCK, 'owner');
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      await mkdir(LOCK);
      await writeFile(owner, String(process.pid));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const pid = Number(await readFile(owner, 'utf8').catch(() => '0'));
    if ((pid > 0 && !isAlive(pid)) || Date.now() > end) await rm(LOCK, { recursive: true, force: true });
    await pause(100);
  }
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
