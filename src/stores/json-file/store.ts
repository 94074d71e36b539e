import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { JsonFileStoreSettings } from '../../domain/configuration.ts';
import { EVALUATED } from '../../domain/evaluate.ts';
import type { Capabilities, Store, Table, TableSpec } from '../contract.ts';
import { Committer } from './commit.ts';
import { fileFailure } from './errors.ts';
import { JsonFile } from './file.ts';
import { JsonFileTable } from './table.ts';

interface OpenFile {
  file: JsonFile;
  committer: Committer;
}

/**
 * JSON files: a folder with a file per table, each a list of records, or one file with a list per table. Files are read
 * by an index of byte ranges and rewritten as a whole, whatever is not changed byte for byte.
 */
export class JsonFileStore implements Store {
  readonly name: string;
  readonly kind = 'json-file';
  readonly database = null;
  readonly capabilities: Capabilities = {
    transactions: false,
    changeFeed: 'none',
    filterOperators: EVALUATED,
    exactCount: true,
    assignsKeys: 'gateway-or-store',
    // A key that was drawn and deleted again leaves no trace in a file.
    sequences: false,
    describesTables: false,
    paths: true,
    keyOrders: ['uuid', 'objectid', 'int', 'text'],
    defaults: false,
    compositeKeys: true,
    conditionalWrites: true,
    bytewiseText: true,
    statistics: true,
  };
  readonly #settings: JsonFileStoreSettings;
  readonly #files = new Map<string, OpenFile>();

  constructor(name: string, settings: JsonFileStoreSettings) {
    this.name = name;
    this.#settings = settings;
  }

  table(spec: TableSpec): Table {
    const { path, timeout } = this.#settings;
    const isOneFile = extname(path) === '.json';
    const collection = isOneFile ? spec.name : null;
    const { file, committer } = this.#open(isOneFile ? path : join(path, `${spec.name}.json`), isOneFile);
    file.declare(collection, spec.keys);
    return new JsonFileTable(this.name, spec, { file, committer, collection, timeout });
  }

  async ping(): Promise<void> {
    const { path } = this.#settings;
    try {
      await access(path, constants.R_OK | constants.W_OK);
    } catch (error) {
      throw fileFailure(error, { title: `store "${this.name}"`, path });
    }
  }

  async close(): Promise<void> {
    for (const { file, committer } of this.#files.values()) {
      await committer.close();
      await file.close();
    }
    this.#files.clear();
  }

  #open(path: string, isOneFile: boolean): OpenFile {
    const present = this.#files.get(path);
    if (present) return present;
    const file = new JsonFile(path, isOneFile ? 'many' : 'one');
    const opened = { file, committer: new Committer(file) };
    this.#files.set(path, opened);
    return opened;
  }
}
