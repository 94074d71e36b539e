import type { ApiSettings } from '../../domain/configuration.ts';
import {
  columnsOf,
  isDocument,
  placesOf,
  rowOf,
  setAt,
  setUnnamed,
  unnamedOf,
  type Document,
  type Place,
} from '../../domain/documents.ts';
import { BanyanError, isBanyanError } from '../../domain/errors.ts';
import { readValue } from '../../domain/json-values.ts';
import { keyOf } from '../../domain/keys.ts';
import { sameValue, type Row, type Value } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { TableSpec } from '../contract.ts';
import type { Channel, Reply } from './channel.ts';
import { at, nonsense, problemIn, refusedAll, type Asked } from './errors.ts';

/** Attempts of a change that is read, changed and written back, where others change the record meanwhile. */
const ATTEMPTS = 8;
/** Answers that say that there is no such record. */
const ABSENT = [404, 410];

/** What a record must hold to be written: to be looked at here, and as the query of a request; empty: it has none. */
export interface Only {
  holds: (row: Row) => boolean;
  query: string;
}

/** The records of one table, one request each. `until`: performance.now() at which a request is given up. */
export class Details {
  /** Whether a record has ever answered: then one that is not found is missing itself, and not the whole path. */
  answered = false;
  readonly #spec: TableSpec;
  readonly #channel: Channel;
  readonly #api: ApiSettings;
  readonly #path: string;
  readonly #reads: Asked;
  readonly #writes: Asked;
  readonly #places: readonly Place[];

  constructor(spec: TableSpec, channel: Channel, api: ApiSettings, path: string, reads: Asked) {
    this.#spec = spec;
    this.#channel = channel;
    this.#api = api;
    this.#path = path;
    this.#reads = reads;
    this.#writes = { ...reads, writes: true };
    this.#places = placesOf(columnsOf(spec).values());
  }

  /** A record of a list. One without its key is none: what else it says would be copied under no name. */
  row(document: Document): Row {
    const row = this.#rowOf(document);
    const { key: name, keyType } = this.#spec;
    const key = this.keyOf(row);
    if (key === '') throw nonsense(`a record without "${name}" in a list`, this.#reads);
    if (keyType !== 'int' || /^-?\d+$/.test(key)) return row;
    throw nonsense(`a record in a list whose "${name}" is "${key}", which is no whole number`, this.#reads);
  }

  keyOf(row: Row): Key {
    return keyOf([{ name: this.#spec.key, type: this.#spec.keyType }], row);
  }

  /** Null where there is no such record. */
  async get(key: Key, until: number): Promise<Row | null> {
    const reply = await this.#read(key, until);
    return reply && this.#rowOf(this.#record(reply, key));
  }

  async create(row: Row, until: number): Promise<Row> {
    const call = { method: 'POST', path: this.#path, body: this.#body(this.#changed({}, row)) } as const;
    return await this.#written(
      await this.#channel.ask(call, this.#writes, until),
      this.keyOf(row),
      row,
      until,
    );
  }

  /** Null where there is no such record, or none that holds for `only`. */
  async change(key: Key, changes: Row, until: number, only: Only | null): Promise<Row | null> {
    const reply =
      this.#api.update === 'PUT' || this.#isTagged(only)
        ? await this.#changeAsRead(key, changes, until, only)
        : await this.#send('PATCH', key, until, { document: this.#changed({}, changes), query: only?.query });
    return reply && (await this.#written(reply, key, changes, until));
  }

  /** Whether there was one, and one that holds for `only`. */
  async remove(key: Key, until: number, only: Only | null): Promise<boolean> {
    const reply = this.#isTagged(only)
      ? await this.#asRead(
          key,
          until,
          only,
          async (_, tag) => await this.#send('DELETE', key, until, { tag }),
        )
      : await this.#send('DELETE', key, until, { query: only?.query });
    if (!reply) return false;
    const { status, body } = reply;
    const isDoubtful = typeof body === 'string' || this.#saysProblem(body);
    if (isDoubtful && (await this.get(key, until))) throw refusedAll(status, body, this.#writes);
    return true;
  }

  #isTagged(only: Only | null): boolean {
    return only !== null && this.#api.conditions === 'etag';
  }

  async #read(key: Key, until: number): Promise<Reply | null> {
    const call = { method: 'GET', path: this.#detail(key) } as const;
    const reply = await this.#channel.ask(call, this.#reads, until, ABSENT);
    if (reply.status >= 300) return null;
    this.answered = true;
    return reply;
  }

  /** Null where there is no such record. */
  async #send(
    method: 'PATCH' | 'PUT' | 'DELETE',
    key: Key,
    until: number,
    { document, tag, query = '' }: { document?: Document; tag?: string | null; query?: string },
  ): Promise<Reply | null> {
    const call = {
      method,
      path: this.#detail(key) + query,
      ...(document ? { body: this.#body(document) } : {}),
      ...(tag ? { headers: { 'if-match': tag } } : {}),
    };
    const reply = await this.#channel.ask(call, this.#writes, until, ABSENT);
    return reply.status < 300 ? reply : null;
  }

  /** Of an API that takes whole records only, all of it; else what is changed. */
  async #changeAsRead(key: Key, changes: Row, until: number, only: Only | null): Promise<Reply | null> {
    const { update } = this.#api;
    return await this.#asRead(key, until, only, async (present, tag) => {
      const document = this.#changed(update === 'PUT' ? present : {}, changes);
      return await this.#send(update, key, until, { document, tag, query: only?.query });
    });
  }

  /**
   * R4: a write that needs the record as it is, on condition that nobody changed it meanwhile, as far as the API has ETags;
   * where they are what a condition rests on, it must have them.
   */
  async #asRead(
    key: Key,
    until: number,
    only: Only | null,
    write: (present: Document, tag: string | null) => Promise<Reply | null>,
  ): Promise<Reply | null> {
    for (let attempt = 1; ; attempt++) {
      const present = await this.#read(key, until);
      if (!present) return null;
      const document = this.#record(present, key);
      if (only && !only.holds(this.row(document))) return null;
      const tag = typeof present.headers.etag === 'string' ? present.headers.etag : null;
      if (tag === null && this.#isTagged(only))
        throw nonsense(
          'no ETag in the answer to a read, although "conditions" of the API is etag',
          this.#reads,
        );
      try {
        return await write(document, tag);
      } catch (error) {
        if (!isBanyanError(error, 'write-conflict') || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * The row as it is after a write; read where the answer does not hold it. Some APIs refuse with a success status and say
   * so in the body only: an answer without the record, but with a message, is a refusal where the record is not as it was
   * to be.
   */
  async #written({ status, body, headers }: Reply, given: Key, sent: Row, until: number): Promise<Row> {
    this.answered = true;
    const record = at(body, this.#api.answers.record);
    const answered = isDocument(record) ? this.#rowOf(record) : null;
    if (answered && isKeyOf(this.keyOf(answered), given)) return answered;
    const key = lastOf(headers.location) ?? given;
    const row = key === '' ? null : await this.get(key, until).catch(() => null);
    const isAsSent = row && Object.keys(sent).every((name) => this.#isSame(row, sent, name));
    if (!isAsSent && this.#saysProblem(body)) throw refusedAll(status, body, this.#writes);
    if (row) return row;
    throw nonsense('no record in the answer to a write, and none to be read after it', this.#writes);
  }

  #saysProblem(body: Value): boolean {
    return problemIn(body, this.#api.errors).message !== '';
  }

  #isSame(row: Row, sent: Row, name: string): boolean {
    const place = this.#places.find(({ column }) => column.name === name);
    return !place || sameValue(row[name] ?? null, readValue(sent[name] ?? null, place.column));
  }

  #rowOf(document: Document): Row {
    const row = rowOf(document, this.#places);
    if (this.#spec.rest !== undefined) row[this.#spec.rest] = unnamedOf(document, this.#places);
    return row;
  }

  #detail(key: Key): string {
    if (!NO_NAMES.has(key)) return `${this.#path}/${encodeURIComponent(key)}`;
    throw new BanyanError(
      'invalid-key',
      `${this.#reads.title}: no path names a record with the key "${key}"`,
    );
  }

  #record({ body }: Reply, key: Key): Document {
    const record = at(body, this.#api.answers.record);
    if (isDocument(record) && this.keyOf(this.#rowOf(record)) === key) return record;
    const found = isDocument(record) ? `no record with the key "${key}"` : 'no record';
    throw nonsense(`${found} at "${this.#api.answers.record}" in the answer`, this.#reads);
  }

  /** A document with the values of a row in it. */
  #changed(document: Document, row: Row): Document {
    const { rest } = this.#spec;
    const unnamed = rest === undefined ? undefined : row[rest];
    if (isDocument(unnamed)) setUnnamed(document, this.#places, unnamed);
    for (const name of Object.keys(row)) {
      if (name === rest) continue;
      const place = this.#places.find(({ column }) => column.name === name);
      if (!place) throw this.#noColumn(name);
      setAt(document, place.path, row[name]);
    }
    return document;
  }

  #body(document: Document): Document {
    return this.#api.body === '' ? document : { [this.#api.body]: document };
  }

  #noColumn(field: string): BanyanError {
    const names = this.#places.map(({ column }) => column.name).join(', ');
    const message = `${this.#reads.title} has no column "${field}"; it has ${names}`;
    return new BanyanError('validation-failed', message, { details: { field } });
  }
}

/** Keys that a path cannot carry: it would lead to the list, or out of it. */
const NO_NAMES: ReadonlySet<Key> = new Set(['', '.', '..']);

/** Whether an answer's record can be the one that was written; `given` is empty where the API draws the key. */
function isKeyOf(key: Key, given: Key): boolean {
  return key !== '' && (given === '' || key === given);
}

/** The last part of a Location. */
function lastOf(location: string | string[] | undefined): Key | undefined {
  const last = typeof location === 'string' ? /[^/?#]+(?=\/?([?#]|$))/.exec(location)?.[0] : undefined;
  try {
    return last === undefined ? undefined : decodeURIComponent(last);
  } catch {
    return undefined;
  }
}
