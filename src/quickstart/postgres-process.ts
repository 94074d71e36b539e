import { spawn } from 'node:child_process';
import {
  chmod,
  chown,
  mkdtemp,
  open,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresProgram } from './postgres-program.ts';
import { QuickstartTrouble, codeOf } from './trouble.ts';

/** A Postgres server process, whoever started it. */
export interface ServerProcess {
  pid: number;
  port: number;
}

/** Name of the superuser of an embedded cluster. */
export const SUPERUSER = 'postgres';

/** Makes the cluster in `data` unless there is one. A crash half-way leaves no cluster, never half a one. */
export async function createCluster(program: PostgresProgram, data: string, password: string): Promise<void> {
  if (await exists(join(data, 'PG_VERSION'))) return;
  const draft = await mkdtemp(`${data}.new-`);
  const passwordFile = `${draft}.password`;
  try {
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    await give(program, draft, passwordFile);
    await runInitdb(program, draft, passwordFile);
    await rename(draft, data);
  } catch (error) {
    // Another process was faster: its cluster is as good as ours.
    if (!(await exists(join(data, 'PG_VERSION')))) throw error;
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function give(program: PostgresProgram, ...paths: string[]): Promise<void> {
  for (const path of paths) if (program.account) await chown(path, program.account.uid, program.account.gid);
}

async function runInitdb(program: PostgresProgram, data: string, passwordFile: string): Promise<void> {
  // The same order of text and the same messages on every machine; --no-sync: nothing is in it yet that could be lost.
  const flags = [
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--no-sync',
  ];
  const child = spawn(
    program.initdb,
    [
      ...flags,
      '--builtin-locale=C.UTF-8',
      `--pgdata=${data}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
    ],
    { ...program.account, stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const problem = await new Promise<string | null>((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(code === 0 ? null : `initdb ended with ${code ?? signal}`));
  });
  if (problem) {
    throw new QuickstartTrouble(
      `The embedded Postgres could not make its data folder: ${problem}.\n${lastLines(output)}\n` +
        'If a library is missing, run "npm ci" with install scripts allowed; if the disk is full, make room.',
    );
  }
}

/** The server that runs on `data`, or null. A pid file that a crash or a restarted container left is none. */
export async function findServer(data: string): Promise<ServerProcess | null> {
  const file = join(data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n');
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!pid || !port || !isAlive(pid)) return null;
  if (await servesFolder(pid, data)) return { pid, port };
  // Postgres itself removes the file of a dead process, but takes any living one of that number for a server.
  if ((await readFile(file, 'utf8').catch(() => '')) === text) await rm(file, { force: true });
  return null;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** Whether a living process is a server of this data folder: every server works inside its own. */
async function servesFolder(pid: number, data: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const workplace = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  return workplace !== null && workplace === (await realpath(data));
}

/** What became of a start: a process that may still be starting, or the reason why it ended. */
export interface Launch {
  pid: number;
  /** Resolves with the log's last lines when the process has ended by itself. */
  ended: Promise<string>;
}

/**
 * Starts a server in a session of its own: neither Ctrl-C in the terminal nor the end of this process stops it before
 * the gateway has finished its requests. `settings` are Postgres settings by name.
 */
export async function launchServer(
  program: PostgresProgram,
  data: string,
  logFile: string,
  settings: Record<string, string>,
): Promise<Launch> {
  await chmod(program.postgres, 0o755).catch(() => {});
  const log = await open(logFile, 'w');
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  try {
    const child = spawn(program.postgres, ['-D', data, ...flags], {
      ...program.account,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
      cwd: '/',
    });
    const ended = new Promise<string>((done) => {
      child.once('error', (error) => done(error.message));
      child.once(
        'exit',
        () =>
          void readFile(logFile, 'utf8')
            .then(lastLines)
            .then(done, () => done('')),
      );
    });
    child.unref();
    return { pid: child.pid ?? 0, ended };
  } finally {
    await log.close();
  }
}

/** Ends a server: at once for its clients, in order for its data. Resolves when it is gone. */
export async function stopServer(server: ServerProcess): Promise<void> {
  if (!signal(server.pid, 'SIGINT')) return;
  const patience = Date.now() + 30_000;
  let pressed = false;
  while (isAlive(server.pid)) {
    if (!pressed && Date.now() > patience) pressed = signal(server.pid, 'SIGQUIT');
    await pause(10);
  }
}

/** Asks a server to stop and does not wait. Answers whether there was one. */
export function signal(pid: number, name: 'SIGINT' | 'SIGQUIT'): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
    throw error;
  }
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-12).join('\n');
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
