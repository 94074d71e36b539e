import type { CompiledQuery } from 'kysely';
import type { SqlStoreSettings } from '../../../domain/configuration.ts';
import { BanyanError } from '../../../domain/errors.ts';
import type { Estimate } from '../../../domain/query.ts';
import { describeTable, writableColumns } from '../../../postgres/catalog.ts';
import { openDatabase, type PostgresDatabase } from '../../../postgres/database.ts';
import { estimateRows } from '../../../postgres/estimate.ts';
import type { ActualTable, Capabilities, StoreNotice, TableSpec } from '../../contract.ts';
import { FILTER_OPERATORS } from '../conditions.ts';
import type { Answer, Engine } from '../dialect.ts';
import { PostgresDialect } from './dialect.ts';

/** Tables that somebody else has made on a Postgres: a legacy side, also where the new side is on the same server. */
export class PostgresEngine implements Engine {
  readonly capabilities: Capabilities = {
    transactions: false,
    changeFeed: 'none',
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
    statistics: true,
    compositeKeys: true,
  };
  readonly #database: PostgresDatabase;

  constructor(name: string, settings: SqlStoreSettings, notice: StoreNotice) {
    this.#database = openDatabase({
      title: `store "${name}"`,
      role: 'store',
      url: settings.url,
      max: settings.pool.max,
      wait: settings.pool.wait,
      timeout: settings.timeout,
      statementTimeout: settings.timeout,
      onLost: (error) =>
        notice({ store: name, message: 'an idle connection broke', details: { reason: error.message } }),
    });
  }

  async dialect(spec: TableSpec): Promise<PostgresDialect> {
    const found = await this.describe(spec);
    if (!found) throw new BanyanError('store-answer', `there is no table "${spec.name}"`);
    const writable = found.readOnly ? [] : await writableColumns(this.#database, spec);
    return new PostgresDialect(spec, { readOnly: found.readOnly === true, writable }, this.#database);
  }

  async describe(spec: TableSpec): Promise<ActualTable | null> {
    return await describeTable(this.#database, spec);
  }

  async run({ sql, parameters }: CompiledQuery): Promise<Answer> {
    const { rows, rowCount } = await this.#database.query(sql, parameters);
    return { rows, changed: rowCount };
  }

  async estimate({ sql, parameters }: CompiledQuery): Promise<Estimate> {
    return await estimateRows(this.#database, sql, parameters);
  }

  async ping(): Promise<void> {
    await this.#database.query('SELECT 1');
  }

  close(): Promise<void> {
    return this.#database.close();
  }
}
