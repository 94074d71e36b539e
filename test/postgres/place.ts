import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { openDatabase, type DatabaseSettings, type PostgresDatabase } from '../../src/postgres/database.ts';
import type { Teardown } from '../harness/postgres.ts';
import { until } from '../harness/wait.ts';

const WAITING = `
SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
 WHERE l.locktype = 'advisory' AND NOT l.granted AND d.datname = current_database()`;

export function open(t: Teardown, url: string, changes: Partial<DatabaseSettings> = {}): PostgresDatabase {
  const database = openDatabase({
    title: 'store "new"',
    role: 'store',
    url,
    max: 4,
    wait: 5_000,
    timeout: 10_000,
    statementTimeout: 10_000,
    ...changes,
  });
  t.teardown(() => database.close());
  return database;
}

/** A statement that ends when `release` is called, seen as running in pg_stat_activity before this resolves. */
export async function occupy(database: PostgresDatabase, outside: PostgresDatabase, lock: number) {
  const holder = openGate();
  const held = openGate();
  const transaction = outside.transaction(async (sql) => {
    await sql.query('SELECT pg_advisory_xact_lock($1::bigint)', [String(lock)]);
    held.open();
    await holder.passed;
  });
  await held.passed;
  const waiting = database.query('SELECT pg_advisory_xact_lock($1::bigint)', [String(lock)]);
  await until(
    async () => {
      const { rows } = await outside.query(WAITING);
      return rows.length > 0;
    },
    { what: 'the statement waits for the lock' },
  );
  return {
    waiting,
    release: async () => {
      holder.open();
      await transaction;
    },
  };
}

export function openGate() {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { open, passed };
}

/** A TCP proxy that hangs up when `cut` says so of what the client sends; the server still gets it. */
export async function cuttingProxy(t: Teardown, url: string, cut: (sent: string) => boolean) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    client.on('data', (chunk) => {
      if (!cut(chunk.toString('latin1'))) return upstream.write(chunk);
      upstream.removeAllListeners('data');
      upstream.write(chunk);
      return upstream.once('data', () => client.destroy());
    });
    upstream.on('data', (chunk) => client.write(chunk));
    client.on('close', () => upstream.end());
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return at(url, server);
}

export function at(url: string, server: Server): string {
  const target = new URL(url);
  target.port = String((server.address() as AddressInfo).port);
  return target.href;
}
