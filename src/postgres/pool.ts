import pg from 'pg';
import { BanyanError } from '../domain/errors.ts';
import { failure, type Party } from './errors.ts';
import { exactTypes } from './types.ts';

/** All durations in milliseconds. */
export interface PoolSettings {
  /** `postgresql://…`; `schema` and `options` parameters are understood as Prisma and libpq do. */
  url: string;
  max: number;
  /** Longest wait for a free or a new connection. */
  wait: number;
  /** Client-side limit of one statement, waiting for its connection included. */
  timeout: number;
  /** The server's own limit of one statement. */
  statementTimeout: number;
  applicationName?: string;
  /** `client`: what is written here answers a client, so the new side takes it only while it is the primary (R9). */
  origin?: 'client';
}

/** A transaction whose process stands still for this long is ended by the server, so that its locks are not for ever. */
const IDLE_IN_TRANSACTION = 60_000;

/**
 * Connections with exact types. The sessions run in UTC with ISO dates, which the type readers rely on.
 *
 * The settings travel in the startup packet (`options`): a pgbouncer in between needs `ignore_startup_parameters =
 * options` with the same settings on the role, and `max_prepared_statements` above 0 for the named statements.
 */
export class ConnectionPool {
  readonly party: Party;
  readonly #pool: pg.Pool;
  readonly #wait: number;
  /** Connections that are up: what tells an exhausted pool from a server that is away. */
  #established = 0;

  /** `onLost` hears of idle connections that broke. */
  constructor(party: Party, settings: PoolSettings, onLost: (error: Error) => void = () => undefined) {
    this.party = party;
    this.#wait = Math.min(settings.wait, settings.timeout);
    this.#pool = new pg.Pool({
      ...connectionOf(party, settings),
      max: settings.max,
      connectionTimeoutMillis: this.#wait,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      types: exactTypes as unknown as pg.CustomTypesConfig,
    });
    this.#pool.on('error', onLost);
    this.#pool.on('connect', (client) => {
      this.#established++;
      // While a client is in use the pool does not listen for it, and an unheard error would end the process.
      client.on('error', () => undefined);
      client.once('end', () => this.#established--);
    });
  }

  /** A connection; fails with store-overloaded when all are in use, store-unreachable when there are none. */
  async acquire(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      const waited = error instanceof Error && error.message.startsWith('timeout exceeded');
      if (waited && this.#established > 0) throw this.#exhausted(error);
      throw failure(error, this.party, 'connect');
    }
  }

  /** Connections in use or idle, and requests that wait for one. */
  get load(): { total: number; idle: number; waiting: number } {
    return { total: this.#pool.totalCount, idle: this.#pool.idleCount, waiting: this.#pool.waitingCount };
  }

  /** Waits for the statements under way. */
  async close(): Promise<void> {
    if (!this.#pool.ending) await this.#pool.end();
  }

  #exhausted(cause: Error): BanyanError {
    const { title, role } = this.party;
    const message = `${title} had none of its ${this.#pool.options.max} connections free for ${this.#wait} ms; nothing was changed`;
    return new BanyanError(role === 'store' ? 'store-overloaded' : 'control-unavailable', message, { cause });
  }
}

function connectionOf(party: Party, settings: PoolSettings): pg.PoolConfig {
  const url = URL.canParse(settings.url) ? new URL(settings.url) : null;
  if (!url || !/^postgres(ql)?:$/.test(url.protocol)) {
    // The URL itself holds the password, so it is not quoted.
    throw new BanyanError(
      'config-invalid',
      `${party.title}: its URL must have the form postgresql://user:password@host:5432/database`,
    );
  }
  const session: Record<string, string> = {
    TimeZone: 'UTC',
    DateStyle: 'ISO',
    bytea_output: 'hex',
    statement_timeout: String(settings.statementTimeout),
    idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION),
  };
  if (settings.origin) session['banyan.origin'] = settings.origin;
  const schema = url.searchParams.get('schema');
  if (schema) session.search_path = `"${schema.replaceAll('"', '""')}"`;
  const own = Object.entries(session).map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`);
  const given = url.searchParams.get('options');
  for (const name of ['schema', 'options', 'statement_timeout', 'application_name'])
    url.searchParams.delete(name);
  return {
    connectionString: url.href,
    options: [given, ...own].filter(Boolean).join(' '),
    application_name: settings.applicationName ?? 'banyan',
  };
}
