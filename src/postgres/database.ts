import type { PoolClient, QueryConfig, QueryResult, QueryResultRow } from 'pg';
import { BanyanError } from '../domain/errors.ts';
import type { Database, Sql } from '../domain/sql.ts';
import { failure, leavesConnectionUsable, type Party, type Phase } from './errors.ts';
import { ConnectionPool, type PoolSettings } from './pool.ts';
import { StatementNames } from './statements.ts';

/** One statement that ended, well or not; `milliseconds` without the wait for a connection. */
export interface StatementTiming {
  text: string;
  parameters: readonly unknown[];
  milliseconds: number;
}

export interface DatabaseSettings extends PoolSettings, Party {
  /** Hears of idle connections that broke. */
  onLost?: (error: Error) => void;
  /** Hears of every statement; must be quick and must not throw. */
  observe?: (statement: StatementTiming) => void;
}

type Answer<R> = { rows: R[]; rowCount: number; command: string };

/** A statement that cannot have changed anything when its answer is lost. Functions with effects belong in a transaction. */
const READS = /^\s*(select|show|explain)\b/i;

/** Opens a database. No connection is made before its first use. */
export function openDatabase(settings: DatabaseSettings): PostgresDatabase {
  return new PostgresDatabase(settings);
}

/**
 * A pool of connections as a `Database`. Rows hold canonical values (see types.ts): bigint and numeric are exact, timestamps
 * are canonical text, bytea is base64, json is parsed. Statements with parameters that come again are prepared by name.
 *
 * Every statement ends within `timeout`: the wait for its connection and the answer together. A statement whose answer
 * does not come takes its connection with it. Failures are BanyanErrors; `outcome` is `unknown` where a write's or a
 * COMMIT's answer was lost, and `not-applied` everywhere else.
 */
export class PostgresDatabase implements Database {
  readonly #pool: ConnectionPool;
  readonly #settings: DatabaseSettings;
  readonly #names = new StatementNames();

  constructor(settings: DatabaseSettings) {
    this.#settings = settings;
    this.#pool = new ConnectionPool(
      { title: settings.title, role: settings.role },
      settings,
      settings.onLost,
    );
  }

  async query<R = Record<string, unknown>>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<Answer<R>> {
    const session = await this.#session();
    try {
      return await session.run<R>(text, parameters, READS.test(text) ? 'read' : 'write');
    } finally {
      session.release();
    }
  }

  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const session = await this.#session();
    const open = new OpenTransaction(session);
    try {
      await session.run('BEGIN ISOLATION LEVEL READ COMMITTED', [], 'transaction');
      const result = await work(open);
      open.end();
      await commit(session);
      return result;
    } catch (error) {
      open.end();
      await session.rollback();
      throw error;
    } finally {
      session.release();
    }
  }

  /** Connections in use or idle, and requests that wait for one. */
  get load(): ConnectionPool['load'] {
    return this.#pool.load;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  async #session(): Promise<Session> {
    const asked = performance.now();
    const client = await this.#pool.acquire();
    return new Session(client, asked, this.#settings, this.#names);
  }
}

/** A connection for as long as one caller has it. */
class Session {
  readonly #client: PoolClient;
  readonly #settings: DatabaseSettings;
  readonly #names: StatementNames;
  /** How long the caller waited for the connection: the first statement has so much less time. */
  #waited: number;
  #usable = true;

  constructor(client: PoolClient, asked: number, settings: DatabaseSettings, names: StatementNames) {
    this.#client = client;
    this.#waited = performance.now() - asked;
    this.#settings = settings;
    this.#names = names;
  }

  async run<R>(text: string, parameters: readonly unknown[], phase: Phase): Promise<Answer<R>> {
    const started = performance.now();
    const statement: QueryConfig & { query_timeout: number } = {
      text,
      values: parameters as unknown[],
      name: parameters.length ? this.#names.nameFor(text) : undefined,
      query_timeout: Math.max(1, Math.ceil(this.#settings.timeout - this.#waited)),
    };
    this.#waited = 0;
    try {
      return lastOf<R>(await this.#client.query<QueryResultRow>(statement));
    } catch (error) {
      if (!leavesConnectionUsable(error)) this.#usable = false;
      throw failure(error, this.#settings, phase);
    } finally {
      // One that timed out too: it is the slowest of all.
      this.#settings.observe?.({ text, parameters, milliseconds: performance.now() - started });
    }
  }

  /** Never fails: a connection that cannot roll back is thrown away, and the server rolls back by itself. */
  async rollback(): Promise<void> {
    if (!this.#usable) return;
    try {
      await this.run('ROLLBACK', [], 'transaction');
    } catch {
      this.#usable = false;
    }
  }

  release(): void {
    this.#client.release(!this.#usable);
  }
}

/** Statements inside a transaction; refuses them once it is over, when the connection may be another's. */
class OpenTransaction implements Sql {
  readonly #session: Session;
  #over = false;

  constructor(session: Session) {
    this.#session = session;
  }

  async query<R = Record<string, unknown>>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<Answer<R>> {
    if (this.#over) throw new BanyanError('internal', 'a statement came after the end of its transaction');
    return this.#session.run<R>(text, parameters, 'transaction');
  }

  end(): void {
    this.#over = true;
  }
}

async function commit(session: Session): Promise<void> {
  const { command } = await session.run('COMMIT', [], 'commit');
  // Postgres answers a COMMIT of a failed transaction with a quiet ROLLBACK.
  if (command === 'ROLLBACK') {
    throw new BanyanError(
      'internal',
      'the transaction was rolled back: a statement failed and its error was swallowed',
    );
  }
}

/** A text of several statements (without parameters) has several results; the last one counts. */
function lastOf<R>(answer: QueryResult | QueryResult[]): Answer<R> {
  const result = (Array.isArray(answer) ? answer.at(-1) : answer) as QueryResult;
  return { rows: result.rows as R[], rowCount: result.rowCount ?? 0, command: result.command };
}
