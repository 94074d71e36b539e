import { sql, type CompiledQuery } from 'kysely';
import type { SqlStoreSettings } from '../../../domain/configuration.ts';
import { BanyanError } from '../../../domain/errors.ts';
import type { ActualTable, Capabilities, TableSpec } from '../../contract.ts';
import { sqliteBuilder } from '../builder.ts';
import { FILTER_OPERATORS } from '../conditions.ts';
import type { Answer, Engine } from '../dialect.ts';
import { actualTable, catalogQueries, realTable, type RealTable } from './catalog.ts';
import { SqliteDialect } from './dialect.ts';
import type { Rows } from './messages.ts';
import type { MomentForms } from './moments.ts';
import { Threads } from './threads.ts';
import type { Cell } from './values.ts';

/** A SQLite file that other programs may have open too. */
export class SqliteEngine implements Engine {
  readonly capabilities: Capabilities = {
    transactions: false,
    changeFeed: 'none',
    filterOperators: FILTER_OPERATORS,
    exactCount: true,
    assignsKeys: 'gateway-or-store',
    sequences: true,
    describesTables: true,
    paths: false,
    keyOrders: ['uuid', 'objectid', 'int', 'text'],
    conditionalWrites: true,
    bytewiseText: true,
    statistics: true,
    compositeKeys: true,
  };
  readonly #threads: Threads;
  readonly #forms: MomentForms;

  constructor(name: string, { url, timeout, pool, foreignKeys, timestamps }: SqlStoreSettings) {
    const file = url.slice('sqlite:'.length);
    this.#threads = new Threads({ title: `store "${name}"`, file, foreignKeys, timeout, pool });
    this.#forms = timestamps;
  }

  prepare(): void {
    this.#threads.prepare();
  }

  async dialect(spec: TableSpec): Promise<SqliteDialect> {
    const real = await this.#real(spec);
    if (!real) throw new BanyanError('store-answer', `there is no table "${spec.name}"`);
    const names = new Set(real.columns.map(({ name }) => name));
    const missing = spec.columns.find(({ name }) => !names.has(name));
    if (missing)
      throw new BanyanError('store-answer', `table "${spec.name}" has no column "${missing.name}"`);
    return new SqliteDialect(spec, real, this.#forms, (batches) => this.#threads.run('write', batches));
  }

  async describe(spec: TableSpec): Promise<ActualTable | null> {
    const real = await this.#real(spec);
    return real && actualTable(real);
  }

  async run({ sql: text, parameters, query }: CompiledQuery): Promise<Answer> {
    const kind = query.kind === 'SelectQueryNode' ? 'read' : 'write';
    const [rows] = await this.#threads.run(kind, [{ sql: text, sets: [parameters.map(cellOf)] }]);
    return answerOf(rows as Rows);
  }

  async ping(): Promise<void> {
    await this.#threads.run('read', [
      { sql: sql`select 1 from sqlite_schema`.compile(sqliteBuilder()).sql, sets: [[]] },
    ]);
  }

  close(): Promise<void> {
    return this.#threads.close();
  }

  async #real(spec: TableSpec): Promise<RealTable | null> {
    const batches = catalogQueries(spec.name).map((query) => ({
      sql: query.sql,
      sets: [query.parameters as Cell[]],
    }));
    return realTable(spec, (await this.#threads.run('read', batches)).map(answerOf));
  }
}

/** Numbers of the builder (limits) are whole. */
function cellOf(parameter: unknown): Cell {
  return typeof parameter === 'number' && Number.isInteger(parameter)
    ? BigInt(parameter)
    : (parameter as Cell);
}

function answerOf({ names, cells, changed }: Rows): Answer {
  const rows = cells.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null])));
  return { rows, changed };
}
