import type { HttpStoreSettings } from '../../domain/configuration.ts';
import { EVALUATED } from '../../domain/evaluate.ts';
import type { Capabilities, Store, StoreNotice, Table, TableSpec } from '../contract.ts';
import { Channel } from './channel.ts';
import { HttpTable } from './table.ts';

/**
 * A legacy REST API. What its settings declare it to know is asked of it; the rest is done here over its pages, up to
 * `maxRecords`.
 */
export class HttpStore implements Store {
  readonly name: string;
  readonly kind = 'http';
  readonly database = null;
  readonly capabilities: Capabilities;
  readonly #channel: Channel;
  readonly #settings: HttpStoreSettings;

  constructor(name: string, settings: HttpStoreSettings, notice: StoreNotice) {
    this.name = name;
    this.#settings = settings;
    this.#channel = new Channel(name, settings, notice);
    const apis = [settings.api.default, ...Object.values(settings.api.tables)];
    const declared = apis.find(({ sort }) => sort?.collation)?.sort?.collation ?? null;
    this.capabilities = {
      transactions: false,
      changeFeed: 'none',
      filterOperators: EVALUATED,
      exactCount: apis.every(({ answers }) => answers.total !== null || answers.totalHeader !== null),
      assignsKeys: settings.keys === 'store' ? 'store-only' : 'gateway-or-store',
      sequences: false,
      describesTables: false,
      paths: true,
      // Where the API has no such order, keys are put in order here.
      keyOrders: ['uuid', 'objectid', 'int', 'text'],
      // What the API does not sort so is sorted here.
      bytewiseText: true,
      textOrder: declared,
      // An API that heeds If-Match cannot be told from one that ignores it, so that it has to be declared.
      conditionalWrites: apis.every(({ conditions }) => conditions !== null),
      compositeKeys: false,
      // As far as the API is declared to: a total, or an endpoint of its own.
      statistics: true,
    };
  }

  table(spec: TableSpec): Table {
    return new HttpTable(this.name, spec, this.#channel, this.#settings);
  }

  async ping(): Promise<void> {
    const errors = this.#settings.api.default.errors;
    const asked = { title: `store "${this.name}"`, writes: false, errors };
    await this.#channel.ask({ method: 'GET', path: this.#settings.ping }, asked, this.#channel.until());
  }

  close(): Promise<void> {
    return this.#channel.close();
  }
}
