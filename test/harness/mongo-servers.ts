import { spawn, type ChildProcess } from 'node:child_process';
import { access, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { MongoClient } from 'mongodb';
import { claimPort } from './port.ts';
import { setUpSecantus } from './mongo-setup.ts';
import { until } from './wait.ts';

export interface MongoProcess {
  url: string;
  pid: number | null;
  stop(): Promise<void>;
}

interface Place {
  folder?: string;
  port?: number;
}

/** mongod as a one-member replica set, or the reason why not. */
export async function startMongod(place: Place): Promise<MongoProcess | string> {
  const program = await findMongod();
  if (!program) return 'not on the PATH, and MONGOMS_SYSTEM_BINARY is not set';
  const port = place.port || (await claimPort());
  const { folder, remove } = await dataFolder(place.folder);
  const settings = ['--bind_ip', '127.0.0.1', '--replSet', 'rs0', '--setParameter', 'enableTestCommands=1'];
  const started = launch(program, ['--port', String(port), '--dbpath', folder, ...settings]);
  const url = `mongodb://127.0.0.1:${port}/?directConnection=true`;
  const stop = async () => {
    await started.end();
    await remove();
  };
  try {
    await becomePrimary(url, port, started);
    return { url, pid: await started.pid, stop };
  } catch (error) {
    await stop();
    return `${program} does not start: ${(error as Error).message} ${started.output()}`;
  }
}

async function becomePrimary(url: string, port: number, started: Launched): Promise<void> {
  const client = new MongoClient(url, { serverSelectionTimeoutMS: 1_000 });
  const members = [{ _id: 0, host: `127.0.0.1:${port}` }];
  const admin = client.db('admin');
  try {
    await until(
      async () => {
        if (started.ended()) return true;
        const hello = await admin.command({ hello: 1 });
        if (!hello.setName) await admin.command({ replSetInitiate: { _id: 'rs0', members } });
        return hello.isWritablePrimary === true;
      },
      { what: 'mongod is primary of its replica set' },
    );
    if (started.ended()) throw new Error('it ended at its start.');
  } finally {
    await client.close();
  }
}

async function findMongod(): Promise<string | null> {
  const named = process.env.MONGOMS_SYSTEM_BINARY;
  const places = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'mongod'));
  for (const place of named ? [named, ...places] : places)
    if (
      await access(place).then(
        () => true,
        () => false,
      )
    )
      return place;
  return null;
}

/** What is used of mongodb-memory-server, which is there only where a user has installed it. */
interface MemoryServerModule {
  MongoMemoryReplSet: {
    create(options: object): Promise<{ getUri(): string; stop(): Promise<unknown> }>;
  };
}

/** It downloads a real mongod at its first use. */
export async function startMemoryServer({ port, folder }: Place): Promise<MongoProcess | string> {
  const name = 'mongodb-memory-server';
  try {
    const { MongoMemoryReplSet } = (await import(name)) as MemoryServerModule;
    const instance = {
      ...(port ? { port } : {}),
      ...(folder ? { dbPath: folder } : {}),
      storageEngine: 'wiredTiger',
    };
    const server = await MongoMemoryReplSet.create({ replSet: { count: 1 }, instanceOpts: [instance] });
    return { url: server.getUri(), pid: null, stop: async () => void (await server.stop()) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ERR_MODULE_NOT_FOUND' ? 'not installed' : message;
  }
}

/** A server in Python that speaks MongoDB's protocol: what is left where no mongod is to be had. */
export async function startSecantus(place: Place): Promise<MongoProcess | string> {
  const program = await setUpSecantus();
  if (typeof program !== 'string') return program.reason;
  const port = place.port || (await claimPort());
  const settings = [
    '--host',
    '127.0.0.1',
    '--storage-path',
    place.folder ?? ':memory:',
    '--enable-test-commands',
  ];
  if (place.folder) await mkdir(place.folder, { recursive: true });
  const started = launch(program, ['--port', String(port), ...settings]);
  const listens = () => started.output().includes('listening on') || started.ended();
  await until(listens, { what: 'SecantusDB listens' });
  if (started.ended()) return `it ended at its start: ${started.output()}`;
  return { url: `mongodb://127.0.0.1:${port}/`, pid: await started.pid, stop: started.end };
}

async function dataFolder(kept?: string): Promise<{ folder: string; remove: () => Promise<void> }> {
  if (kept) {
    await mkdir(kept, { recursive: true });
    return { folder: kept, remove: () => Promise.resolve() };
  }
  const folder = await mkdtemp(join(tmpdir(), 'banyan-mongo-'));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

interface Launched {
  pid: Promise<number>;
  output(): string;
  ended(): boolean;
  end(): Promise<void>;
}

/** Runs the server until it ends or our end of the pipe is closed, which also kill -9 of this process does. */
const KEEPER = `"$@" </dev/null & server=$!; echo $server; cat <&0 >/dev/null & wait -n
kill $server 2>/dev/null; wait $server; status=$?; kill $! 2>/dev/null; exit $status`;

function launch(program: string, args: string[]): Launched {
  const child = spawn('bash', ['-c', KEEPER, 'keeper', program, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
  const pid = new Promise<number>((told) =>
    child.stdout.once('data', (chunk: Buffer) => told(Number.parseInt(chunk.toString(), 10))),
  );
  const gone = new Promise<void>((done) => child.once('close', () => done()));
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  const end = async () => {
    child.stdin.end();
    keepsProcess(child, true);
    await gone;
  };
  // A test that has nothing else to do may end, and its server with it.
  keepsProcess(child, false);
  return { pid, output: () => output, ended, end };
}

function keepsProcess(child: ChildProcess, keeps: boolean): void {
  const parts = [child, child.stdin, child.stdout, child.stderr] as unknown as {
    ref(): void;
    unref(): void;
  }[];
  for (const part of parts) part[keeps ? 'ref' : 'unref']();
}
