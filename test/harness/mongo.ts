import { randomBytes } from 'node:crypto';
import { MongoClient, type Db } from 'mongodb';
import type { Test } from 'tap';
import { startMemoryServer, startMongod, startSecantus, type MongoProcess } from './mongo-servers.ts';
import type { Teardown } from './postgres.ts';

export type MongoKind = 'url' | 'mongod' | 'mongodb-memory-server' | 'secantusdb';

/** A MongoDB server for tests, examples and bench. */
export interface MongoServer {
  kind: MongoKind;
  /** For people: kind and version. */
  title: string;
  /** Connection string without a database. */
  url: string;
  host: string;
  port: number;
  /** Process id, where the server was started here. */
  pid: number | null;
  /** Ends a server that was started here, and removes its data unless a folder was asked for. */
  stop(): Promise<void>;
}

export interface MongoOptions {
  /** Keeps the data, so that another start finds it; left out: gone at the end. Not for servers that are there already. */
  folder?: string;
  /** Left out or 0: any free port. */
  port?: number;
  log?: (message: string) => void;
}

const STARTS: readonly [MongoKind, (options: MongoOptions) => Promise<MongoProcess | string>][] = [
  ['mongod', startMongod],
  ['mongodb-memory-server', startMemoryServer],
  ['secantusdb', startSecantus],
];

/**
 * The first of these that is to be had, said through `log`: MONGO_URL; mongod of MONGOMS_SYSTEM_BINARY or the PATH;
 * mongodb-memory-server where it is installed; SecantusDB, which python3 sets up in .cache/mongo by itself.
 * Throws an error with the reasons where there is none.
 */
export async function startMongo(options: MongoOptions = {}): Promise<MongoServer> {
  const log = options.log ?? ((message: string) => console.error(message));
  if (process.env.MONGO_URL) return await present('url', { url: process.env.MONGO_URL, pid: null }, log);
  const reasons: string[] = ['MONGO_URL is not set'];
  for (const [kind, start] of STARTS) {
    const started = await start(options);
    if (typeof started !== 'string') return await present(kind, started, log);
    reasons.push(`${kind}: ${started}`);
  }
  throw new Error(`There is no MongoDB server: ${reasons.join('; ')}.`);
}

async function present(
  kind: MongoKind,
  { url, pid, stop }: Pick<MongoProcess, 'url' | 'pid'> & Partial<MongoProcess>,
  log: (message: string) => void,
): Promise<MongoServer> {
  const client = new MongoClient(url);
  try {
    const { version } = (await client.db('admin').command({ buildInfo: 1 })) as { version: string };
    const title =
      kind === 'secantusdb' ? `SecantusDB (as MongoDB ${version})` : `MongoDB ${version} (${kind})`;
    log(`Mongo: ${title}`);
    const [host = '127.0.0.1', port = '27017'] =
      client.options.hosts.map((at) => [at.host, String(at.port)])[0] ?? [];
    return { kind, title, url, pid, host, port: Number(port), stop: stop ?? (() => Promise.resolve()) };
  } catch (error) {
    await stop?.();
    throw error;
  } finally {
    await client.close();
  }
}

/**
 * The server of a test file, stopped at its end. Null where there is none: then the file is skipped, visibly, or failed
 * where CI=true, for there it must not go unnoticed.
 */
export async function mongoFor(t: Test, options: MongoOptions = {}): Promise<MongoServer | null> {
  try {
    const server = await startMongo({ log: (message) => t.comment(message), ...options });
    t.teardown(() => server.stop());
    return server;
  } catch (error) {
    const { message } = error as Error;
    if (process.env.CI === 'true') t.fail(message);
    else t.plan(0, message);
    return null;
  }
}

/** A database of a test's own, empty at first. */
export interface MongoDatabase {
  name: string;
  /** Connection string that names the database. */
  url: string;
  db: Db;
  /** Removes the database and closes the connection. */
  drop(): Promise<void>;
}

export async function createMongoDatabase(server: MongoServer, t?: Teardown): Promise<MongoDatabase> {
  const name = `test_${process.pid}_${randomBytes(4).toString('hex')}`;
  const client = new MongoClient(server.url, { promoteLongs: false, serverSelectionTimeoutMS: 2_000 });
  await client.connect();
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const drop = async () => {
    // A test may have ended the server.
    await client
      .db(name)
      .dropDatabase()
      .catch(() => undefined);
    await client.close();
  };
  t?.teardown(drop);
  return { name, url: url.href, db: client.db(name), drop };
}
