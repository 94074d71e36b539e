import type { SqlStoreSettings } from '../../domain/configuration.ts';
import type { Capabilities, Store, StoreNotice, Table, TableSpec } from '../contract.ts';
import type { Engine } from './dialect.ts';
import { PostgresEngine } from './postgres/engine.ts';
import { SqliteEngine } from './sqlite/engine.ts';
import { SqlTable } from './table.ts';

/** Tables and views of hand-written SQL, on Postgres or SQLite: which one, the URL says. */
export class SqlStore implements Store {
  readonly name: string;
  readonly kind = 'sql';
  /** It is a legacy side: no write of it shares a transaction with the journal. */
  readonly database = null;
  readonly #engine: Engine;

  constructor(name: string, settings: SqlStoreSettings, notice: StoreNotice) {
    this.name = name;
    this.#engine = settings.url.startsWith('sqlite:')
      ? new SqliteEngine(name, settings)
      : new PostgresEngine(name, settings, notice);
  }

  get capabilities(): Capabilities {
    return this.#engine.capabilities;
  }

  table(spec: TableSpec): Table {
    this.#engine.prepare?.();
    return new SqlTable(spec, this.#engine);
  }

  ping(): Promise<void> {
    return this.#engine.ping();
  }

  close(): Promise<void> {
    return this.#engine.close();
  }
}
