import type { PrismaStoreSettings } from '../../domain/configuration.ts';
import type { Database } from '../../domain/sql.ts';
import { openDatabase, type PostgresDatabase } from '../../postgres/database.ts';
import type { Capabilities, Store, StoreNotice, Table, TableSpec } from '../contract.ts';
import { FILTER_OPERATORS } from './conditions.ts';
import { SoftDeleteTable } from './soft-delete.ts';
import { SlowQueries } from './slow-queries.ts';
import { FamilyTable } from './family.ts';
import { PrismaTable } from './table.ts';

/**
 * The new side: Postgres behind Prisma.
 *
 * The models, the migrations and the client that operations are given are Prisma's. The gateway's own reads and writes
 * go by `pg`, in SQL made from the Prisma model: Prisma's client loses the microseconds of a timestamp and takes about
 * three times as long for a single row, and rows and marks have to share one transaction.
 */
export class PrismaStore implements Store {
  readonly name: string;
  readonly kind = 'prisma';
  readonly capabilities: Capabilities = {
    transactions: true,
    changeFeed: 'trigger',
    filterOperators: FILTER_OPERATORS,
    exactCount: true,
    assignsKeys: 'gateway-or-store',
    atomicInserts: true,
    sequences: true,
    describesTables: true,
    paths: false,
    keyOrders: ['uuid', 'objectid', 'int', 'text'],
    conditionalWrites: true,
    bytewiseText: true,
    collations: true,
    statistics: true,
    compositeKeys: true,
  };
  readonly #database: PostgresDatabase;

  constructor(name: string, settings: PrismaStoreSettings, notice: StoreNotice) {
    this.name = name;
    const report = (message: string, details: Record<string, unknown>) =>
      notice({ store: name, message, details });
    const slow = settings.slowQueries && new SlowQueries(settings.slowQueries, report);
    this.#database = openDatabase({
      title: `store "${name}"`,
      role: 'store',
      url: settings.url,
      max: settings.pool.max,
      wait: settings.pool.wait,
      timeout: settings.timeout,
      statementTimeout: settings.statementTimeout,
      origin: 'client',
      onLost: (error) => report('an idle connection broke', { reason: error.message }),
      observe: slow ? (statement) => slow.observe(statement, this.#database) : undefined,
    });
  }

  /** Statements and transactions on the same Postgres, e.g. for the journal's mark beside the row (R1, R9). */
  get database(): Database {
    return this.#database;
  }

  /** Connections in use or idle, and requests that wait for one. */
  get load(): PostgresDatabase['load'] {
    return this.#database.load;
  }

  table(spec: TableSpec): Table {
    const { softDelete, ...plain } = spec;
    if (softDelete !== undefined)
      return new SoftDeleteTable(plain, softDelete, (inner) => this.table(inner), this.#database);
    return spec.children?.length
      ? new FamilyTable(spec, this.#database)
      : new PrismaTable(spec, this.#database);
  }

  async ping(): Promise<void> {
    await this.#database.query('SELECT 1');
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
