import type { SupabaseStoreSettings } from '../../domain/configuration.ts';
import { goesByBytes } from '../../domain/order.ts';
import type { Capabilities, Store, StoreNotice, Table, TableSpec } from '../contract.ts';
import { Channel } from './channel.ts';
import { readOpenApi } from './description.ts';
import { Largest } from './requests.ts';
import { Refusal } from './statistics.ts';
import { SupabaseTable } from './table.ts';

/**
 * A Supabase project (or any PostgREST) through its REST API with the service role key, so that it needs no account on
 * the database. Requests are made by postgrest-js; the connection below it is our own, see exchange.ts.
 */
export class SupabaseStore implements Store {
  readonly name: string;
  readonly kind = 'supabase';
  readonly database = null;
  readonly capabilities: Capabilities;
  readonly #channel: Channel;
  readonly #largest = new Largest();
  readonly #refusal = new Refusal();

  constructor(name: string, settings: SupabaseStoreSettings, notice: StoreNotice) {
    this.name = name;
    const { collation = null } = settings;
    this.capabilities = {
      transactions: false,
      changeFeed: 'none',
      filterOperators: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains'],
      exactCount: true,
      assignsKeys: 'gateway-or-store',
      sequences: false,
      describesTables: true,
      paths: false,
      keyOrders: ['uuid', 'int'],
      // The order of text is the database's collation, which REST can neither choose nor ask for.
      bytewiseText: collation !== null && goesByBytes(collation),
      textOrder: collation,
      conditionalWrites: true,
      compositeKeys: false,
      // Where the server has its aggregates on: nobody knows before it is asked.
      statistics: true,
    };
    this.#channel = new Channel(name, settings, notice);
  }

  table(spec: TableSpec): Table {
    return new SupabaseTable(this.name, spec, this.#channel, this.#largest, this.#refusal);
  }

  async ping(): Promise<void> {
    // The root needs key, PostgREST and database; a table's name is not known here.
    await readOpenApi(this.#channel, { title: `store "${this.name}"`, writes: false });
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
