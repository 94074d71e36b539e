import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import pLimit from 'p-limit';
import pg from 'pg';
import { LEGACY_ROLES, LEGACY_SCHEMA } from './legacy-schema.ts';
import { QuickstartTrouble, codeOf } from './trouble.ts';

export interface SupabaseLiteOptions {
  /** Superuser's connection URL of the database to serve. Secret. */
  databaseUrl: string;
  /** Key that is accepted as `apikey` with the rights of the service role. Secret; begins with `sb_secret_`. */
  secretKey: string;
  /** 0 or left out: any free port. */
  port?: number;
  /** Rows that one answer holds at most; left out: as on Supabase unless its settings say otherwise. */
  maxRows?: number;
  /** Whether it answers aggregates; left out: it does. */
  aggregates?: boolean;
}

/** A running Supabase-compatible server on 127.0.0.1. */
export interface SupabaseLite {
  url: string;
  port: number;
  /** Ends requests under way, closes the port and its database connections. May be called twice. */
  stop(): Promise<void>;
}

/** Rows that one answer holds at most, as on Supabase unless its settings say otherwise. */
export const MAX_ROWS = 1000;

/** Connections to the database, and requests that are served at the same time. */
const CONNECTIONS = 10;
/** Longest time of a statement in the database; ms. */
const STATEMENT_TIMEOUT = 3_000;

/** Set while a request is served. */
const quietly = new AsyncLocalStorage<true>();
let printError: typeof console.error | undefined;

/** The server prints every request that its database refuses, with a stack; the answer says it already. */
function silenceRefusals(): void {
  if (printError) return;
  const print = (printError = console.error);
  console.error = (...parts: unknown[]) => {
    if (!quietly.getStore()) print(...parts);
  };
}

/** Makes the ERP's tables and roles where they are missing, and serves them as Supabase does: REST and sign-in. */
export async function startSupabaseLite(options: SupabaseLiteOptions): Promise<SupabaseLite> {
  const { App, createPostgresConnection, serve } = await parts();
  silenceRefusals();
  const connection = createPostgresConnection({
    url: options.databaseUrl,
    postgresOptions: {
      max: CONNECTIONS,
      onnotice() {},
      connection: { statement_timeout: STATEMENT_TIMEOUT },
    },
  });
  const app = new App({
    connection,
    api: {
      schemas: ['public'],
      max_rows: options.maxRows ?? MAX_ROWS,
      plan_enabled: true,
      aggregates_enabled: options.aggregates ?? true,
    },
    auth: {
      enabled: true,
      jwt_secret: options.secretKey,
      publishable_key: options.secretKey.replace('sb_secret_', 'sb_publishable_'),
      secret_key: options.secretKey,
      email: { enable_confirmations: false },
    },
  });
  // Its own schema comes first: policies of ours may name its functions. Its column cache never looks again, so the
  // tables must be there before it starts.
  await app.ensureSystemSchema();
  await makeTables(options.databaseUrl);
  await app.init();

  const turn = inTurn();
  const server = serve({
    port: options.port ?? 0,
    hostname: '127.0.0.1',
    fetch: async (request, env) =>
      await turn(env, () =>
        quietly.run(true, async () => withoutLength(await app.fetch(request, { peerAddress: peerOf(env) }))),
      ),
  });
  const closed = () => connection.close();
  try {
    await listening(server, options.port ?? 0);
  } catch (error) {
    await closed();
    throw error;
  }
  const { port } = server.address() as AddressInfo;
  let stopping: Promise<void> | undefined;
  return { url: `http://127.0.0.1:${port}`, port, stop: () => (stopping ??= close(server).then(closed)) };
}

/**
 * As many requests at a time as there are connections; one whose client is gone when its turn comes is not begun. Else
 * a busy server would still do what was long given up, and no deadline could ever be trusted (A1).
 */
function inTurn(): (env: unknown, serve: () => Promise<Response>) => Promise<Response> {
  const limit = pLimit(CONNECTIONS);
  return async (env, serve) =>
    await limit(async () => (isGone(env) ? new Response(null, { status: 499 }) : await serve()));
}

function isGone(env: unknown): boolean {
  const { socket } = (env as { incoming: IncomingMessage }).incoming;
  return socket.destroyed || socket.readableEnded;
}

/** Both packages are dev dependencies: a production install has no use for them. */
async function parts() {
  try {
    const [{ App }, { createPostgresConnection }, { serve }] = await Promise.all([
      import('@supabase/lite'),
      import('@supabase/lite/postgres'),
      import('@hono/node-server'),
    ]);
    return { App, createPostgresConnection, serve };
  } catch (error) {
    throw new QuickstartTrouble(
      'The embedded Supabase (@supabase/lite) is not installed. Install the dev dependencies with "npm ci", ' +
        'or set SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY to use a server of your own.',
      error,
    );
  }
}

async function makeTables(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`SET client_min_messages = warning; ${LEGACY_SCHEMA} ${LEGACY_ROLES}`);
  } finally {
    await client.end();
  }
}

type Server = ReturnType<Awaited<ReturnType<typeof parts>>['serve']>;

function listening(server: Server, port: number): Promise<void> {
  return new Promise((done, fail) => {
    server.once('listening', () => done());
    server.once('error', (error) =>
      fail(
        codeOf(error) === 'EADDRINUSE'
          ? new QuickstartTrouble(
              `Port ${port} on 127.0.0.1 is taken. Stop what listens there, or use another port.`,
              error,
            )
          : error,
      ),
    );
  });
}

function close(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    // Idle keep-alive connections would hold the port open for as long as a client likes.
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
}

/** Both the app and the server state the length of some answers, and strict clients refuse one that has it twice. */
function withoutLength(response: Response): Response {
  if (!response.headers.has('content-length')) return response;
  const headers = new Headers(response.headers);
  headers.delete('content-length');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

function peerOf(env: unknown): string | null {
  const { incoming } = env as { incoming?: { socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress ?? null;
}
