import type { MongoStoreSettings } from '../../domain/configuration.ts';
import type { Capabilities, Store, StoreNotice, Table, TableSpec } from '../contract.ts';
import { Channel } from './channel.ts';
import { MongoTable } from './table.ts';

/** A MongoDB database by the official driver; a replica set, a sharded cluster or a server by itself. */
export class MongoStore implements Store {
  readonly name: string;
  readonly kind = 'mongo';
  readonly database = null;
  readonly #channel: Channel;

  constructor(name: string, settings: MongoStoreSettings, notice: StoreNotice) {
    this.name = name;
    this.#channel = new Channel(name, settings, notice);
  }

  get capabilities(): Capabilities {
    return {
      // None together with the control database; MongoDB's own are not needed, as each record is one document.
      transactions: false,
      // Change streams need a replica set, and whether there is one is known from the first answer on.
      changeFeed: this.#channel.replicaSet === null ? 'poll' : 'stream',
      filterOperators: ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'contains'],
      exactCount: true,
      assignsKeys: 'gateway-or-store',
      defaults: false,
      sequences: false,
      describesTables: true,
      paths: true,
      // Text is compared byte by byte unless a collection was made with a collation.
      keyOrders: ['uuid', 'objectid', 'int', 'text'],
      conditionalWrites: true,
      bytewiseText: true,
      statistics: true,
      compositeKeys: false,
    };
  }

  table(spec: TableSpec): Table {
    return new MongoTable(this.name, spec, this.#channel);
  }

  async ping(): Promise<void> {
    await this.#channel.read(`store "${this.name}"`, (within) =>
      // Not "ping", which a server answers without looking at the account.
      this.#channel.database
        .listCollections({}, { nameOnly: true, authorizedCollections: true, ...within })
        .hasNext(),
    );
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
