import pLimit from 'p-limit';
import type { ApiSettings, HttpStoreSettings } from '../../domain/configuration.ts';
import { columnsOf } from '../../domain/documents.ts';
import { BanyanError, isBanyanError } from '../../domain/errors.ts';
import { predicate, rowOrder, type Columns } from '../../domain/evaluate.ts';
import type { Condition, ListQuery } from '../../domain/query.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { Table, TableSpec } from '../contract.ts';
import type { Channel } from './channel.ts';
import { sortParameter, splitCondition, withoutTextOrder, type Parameters } from './conditions.ts';
import { Details, type Only } from './details.ts';
import type { Asked } from './errors.ts';
import { KeyList } from './key-list.ts';
import { Lists } from './pages.ts';
import { ApiStatisticsQuery, undeclared } from './statistics.ts';

/** Requests of one call that are under way together, so that one big call leaves slots for others. */
const TOGETHER = 6;
/** Keys in one URL. */
const KEYS = 50;
/** Rows of an upsert above which a look at what is there saves requests. */
const MANY = 10;

/** A list of records behind a REST API. */
export class HttpTable implements Table {
  readonly spec: TableSpec;
  readonly #channel: Channel;
  readonly #settings: HttpStoreSettings;
  readonly #api: ApiSettings;
  readonly #reads: Asked;
  readonly #lists: Lists;
  readonly #keys: KeyList;
  readonly #details: Details;
  readonly #columns: Columns;

  constructor(store: string, spec: TableSpec, channel: Channel, settings: HttpStoreSettings) {
    this.spec = spec;
    this.#channel = channel;
    this.#settings = settings;
    this.#api = settings.api.tables[spec.name] ?? settings.api.default;
    const path = this.#api.path ?? `/${encodeURIComponent(spec.name)}`;
    const title = `store "${store}", table "${spec.name}"`;
    this.#reads = { title, writes: false, errors: this.#api.errors };
    this.#lists = new Lists(channel, this.#api, path, this.#reads);
    this.#details = new Details(spec, channel, this.#api, path, this.#reads);
    this.#keys = new KeyList(() => this.#readKeys(), spec.keyType);
    this.#columns = columnsOf(spec);
  }

  describe(): Promise<null> {
    return Promise.reject(this.#cannot('describe its tables'));
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    const until = this.#channel.until();
    const wanted = [...new Set(keys)];
    const many = this.#api.filters[this.spec.key]?.in;
    const found =
      many && wanted.length > 1 && wanted.every((key) => key !== '' && !key.includes(','))
        ? await this.#getByLists(many, wanted, until)
        : await this.#getByDetails(wanted, until);
    if (wanted.length > 0 && found.size === 0) await this.#checkPath(until);
    return found;
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    predicate(query.where, this.#columns); // says what is wrong with it, whoever looks at it then
    const { filters, sort: known } = this.#knownIn(query.collation);
    const { parameters, rest } = splitCondition(query.where, filters);
    const sort = sortParameter(query.sort, known);
    if (rest || !sort) return await this.#listHere(query, parameters, rest);
    const { offset, limit } = query;
    const until = this.#channel.until();
    const page = await this.#lists.range([...parameters, ...sort], { offset, limit }, until);
    const rows = limit === 0 ? [] : page.documents.map((document) => this.#details.row(document));
    return { rows, total: query.total ? (page.total ?? (await this.#count(parameters, null))) : null };
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    const ordered = await this.#ordered(after, limit);
    if (ordered) return ordered;
    const keys = await this.#keys.after(after, limit);
    const rows = await this.get(keys);
    // A record that was deleted since its key was listed is passed over; only a page without keys is the end.
    if (rows.size === 0 && keys.length > 0) return await this.scan(keys.at(-1) as Key, limit);
    return keys.map((key) => rows.get(key)).filter((row) => row !== undefined);
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    const ordered = await this.#ordered(after, limit);
    return ordered ? ordered.map((row) => this.#details.keyOf(row)) : await this.#keys.after(after, limit);
  }

  async count(where?: Condition, collation?: string): Promise<number> {
    predicate(where, this.#columns);
    const { parameters, rest } = splitCondition(where ?? null, this.#knownIn(collation).filters);
    return await this.#count(parameters, rest);
  }

  /** By the endpoint that is declared for them; a number of records alone is the total of a list, where it has one. */
  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    predicate(query.where, this.#columns);
    const { statistics, filters } = this.#api;
    const isCount = query.groupBy.length === 0 && query.measures.length === 0;
    const { parameters, rest } = splitCondition(query.where, filters);
    if (isCount && !rest && this.#lists.hasTotal)
      return [{ group: [], count: await this.#count(parameters, null), measures: [] }];
    if (!statistics) throw undeclared(this.#reads, 'more than the total of a list that it filters itself');
    const asked = new ApiStatisticsQuery(query, statistics, this.#columns, this.#reads);
    const search = new URLSearchParams(asked.parameters).toString();
    const path = search === '' ? statistics.path : `${statistics.path}?${search}`;
    return asked.read(await this.#channel.ask({ method: 'GET', path }, this.#reads, this.#channel.until()));
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    predicate(where, this.#columns);
    const { parameters, rest } = splitCondition(where, this.#api.filters);
    const keys: Key[] = [];
    if (limit === 0) return keys;
    await this.#eachRow(parameters, rest, (row) => keys.push(this.#details.keyOf(row)) < limit);
    return keys;
  }

  async insert(row: Row): Promise<Row> {
    return await this.#details.create(row, this.#channel.until());
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    if (Object.keys(changes).length === 0) {
      const row = (await this.get([key])).get(key);
      return row && (!where || predicate(where, this.#columns)(row)) ? row : null;
    }
    const until = this.#channel.until();
    const changed = await this.#details.change(key, changes, until, this.#only(where));
    if (!changed) await this.#checkPath(until);
    return changed;
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    const until = this.#channel.until();
    const removed = await this.#details.remove(key, until, this.#only(where));
    if (!removed) await this.#checkPath(until);
    return removed;
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    const keys = rows.map((row) => this.#details.keyOf(row));
    // Where many are found by one request, it is known beforehand which of them are to be made.
    const many = keys.length > MANY && this.#api.filters[this.spec.key]?.in;
    const there = many ? await this.get(keys) : null;
    await this.#each(rows, async (row) => {
      const key = this.#details.keyOf(row);
      const whole = Object.fromEntries(this.spec.columns.map(({ name }) => [name, row[name] ?? null]));
      const makeFirst = there !== null && !there.has(key);
      if (!makeFirst && (await this.update(key, whole))) return;
      if (this.#settings.keys === 'store') throw this.#cannotMake(key);
      await this.insert(whole).catch(async (error: unknown) => {
        // Somebody was faster: then it is there to be changed.
        if (!isBanyanError(error, 'duplicate') || !(await this.update(key, whole))) throw error;
      });
    });
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    await this.#each(keys, async (key) => void (await this.remove(key)));
  }

  /** A condition as the API takes it with a write. */
  #only(where: Condition | undefined): Only | null {
    if (!where) return null;
    const holds = predicate(where, this.#columns);
    if (this.#api.conditions !== 'filters') return { holds, query: '' };
    const { parameters, rest } = splitCondition(where, this.#api.filters);
    if (rest) throw this.#cannot('say this condition by its "filters"');
    return { holds, query: `?${new URLSearchParams(parameters).toString()}` };
  }

  advanceSequence(): Promise<void> {
    return Promise.reject(this.#cannot('set a sequence'));
  }

  async highestKey(): Promise<Key | null> {
    const sort = this.#keySort(true);
    if (!sort) return await this.#keys.highest();
    const until = this.#channel.until();
    const { documents } = await this.#lists.range(sort, { offset: 0, limit: 1 }, until);
    return documents[0] ? this.#details.keyOf(this.#details.row(documents[0])) : null;
  }

  within(): Table {
    throw this.#cannot('take part in a transaction');
  }

  /** A page in key order as the API itself has it: it must know the order, and where to begin. */
  async #ordered(after: Key | null, limit: number): Promise<Row[] | null> {
    const sort = this.#keySort(false);
    const beyond = this.#api.filters[this.spec.key]?.gt;
    if (!sort || !beyond) return null;
    const parameters: Parameters = after === null ? sort : [...sort, [beyond, after]];
    const page = await this.#lists.range(parameters, { offset: 0, limit }, this.#channel.until());
    return page.documents.map((document) => this.#details.row(document));
  }

  /** What of its filters and sort the API can be asked for: nothing that goes by an order of text other than the query's. */
  #knownIn(collation: string | undefined): Pick<ApiSettings, 'filters' | 'sort'> {
    const { filters, sort } = this.#api;
    if (collation === undefined || sort?.collation) return { filters, sort };
    return withoutTextOrder(filters, sort, this.#columns);
  }

  /** The order of text keys is the API's own, which is not known. */
  #keySort(descending: boolean): Parameters | null {
    const { key, keyType } = this.spec;
    return keyType === 'text' ? null : sortParameter([{ field: key, descending }], this.#api.sort);
  }

  async #readKeys(): Promise<Key[]> {
    const keys: Key[] = [];
    const sort = this.#keySort(false) ?? [];
    // Each page has its own time: the list of a whole table has no end that a timeout could know.
    await this.#lists.each(
      sort,
      this.#api.paging.max,
      () => this.#channel.until(),
      ({ documents }) => {
        for (const document of documents) keys.push(this.#details.keyOf(this.#details.row(document)));
        return true;
      },
    );
    return keys;
  }

  /** Filters and sorts what the API answers; refuses where that is too much. */
  async #listHere(
    { sort, limit, offset, total }: ListQuery,
    parameters: Parameters,
    rest: Condition | null,
  ): Promise<{ rows: Row[]; total: number | null }> {
    const order = rowOrder(sort, this.#columns);
    const rows: Row[] = [];
    await this.#eachRow(parameters, rest, (row) => rows.push(row) > 0);
    const valuesOf = (row: Row) => sort.map(({ field }) => row[field] ?? null);
    const keyed = rows.map((row) => ({ row, values: valuesOf(row) }));
    keyed.sort((a, b) => order(a.values, b.values));
    const page = keyed.slice(offset, offset + limit).map(({ row }) => row);
    return { rows: page, total: total ? rows.length : null };
  }

  async #count(parameters: Parameters, rest: Condition | null): Promise<number> {
    let count = 0;
    if (!rest && this.#lists.hasTotal) return await this.#lists.total(parameters, this.#channel.until());
    await this.#eachRow(parameters, rest, () => ++count > 0);
    return count;
  }

  /** Hands over the rows that hold, until `visit` answers false; of a table that is not too large. */
  async #eachRow(
    parameters: Parameters,
    rest: Condition | null,
    visit: (row: Row) => boolean,
  ): Promise<void> {
    const holds = predicate(rest, this.#columns);
    const until = this.#channel.until();
    let read = 0;
    await this.#lists.each(
      parameters,
      this.#api.paging.max,
      () => until,
      ({ documents }) => {
        read += documents.length;
        if (read > this.#settings.maxRecords) throw this.#tooMany();
        return documents.every((document) => {
          const row = this.#details.row(document);
          return !holds(row) || visit(row);
        });
      },
    );
    this.#details.answered = true;
  }

  async #getByLists(parameter: string, keys: readonly Key[], until: number): Promise<Map<Key, Row>> {
    const found = new Map<Key, Row>();
    const size = Math.min(KEYS, this.#api.paging.max);
    const batches = Array.from({ length: Math.ceil(keys.length / size) }, (_, index) =>
      keys.slice(index * size, (index + 1) * size),
    );
    await this.#each(batches, async (batch) => {
      const parameters: Parameters = [[parameter, batch.join(',')]];
      const { documents } = await this.#lists.range(parameters, { offset: 0, limit: batch.length }, until);
      for (const document of documents) {
        const row = this.#details.row(document);
        found.set(this.#details.keyOf(row), row);
      }
    });
    return found;
  }

  async #getByDetails(keys: readonly Key[], until: number): Promise<Map<Key, Row>> {
    const found = new Map<Key, Row>();
    await this.#each(keys, async (key) => {
      const row = await this.#details.get(key, until);
      if (row) found.set(key, row);
    });
    return found;
  }

  /** 404 is the answer for a record that is not there, and for a path that is none: the list tells them apart. */
  async #checkPath(until: number): Promise<void> {
    if (this.#details.answered) return;
    await this.#lists.range([], { offset: 0, limit: 1 }, until);
    this.#details.answered = true;
  }

  /** Works on all and waits for all; of several failures the one that leaves doubt is told. */
  async #each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
    const limit = pLimit(TOGETHER);
    const results = await Promise.allSettled(items.map((item) => limit(work, item)));
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    );
    const doubtful = failures.find((error) => isBanyanError(error) && error.outcome === 'unknown');
    if (failures.length > 0) throw doubtful ?? failures[0];
  }

  #tooMany(): BanyanError {
    const { maxRecords } = this.#settings;
    const message =
      `${this.#reads.title} would have to be read beyond ${maxRecords} records (maxRecords) to answer this; ` +
      'filter or sort by what the API knows';
    const details = {
      filters: Object.keys(this.#api.filters),
      sort: [...(this.#api.sort?.columns ?? [])],
    };
    return new BanyanError('too-many-records', message, { details });
  }

  #cannotMake(key: Key): BanyanError {
    const message = `${this.#reads.title} draws its keys itself, so that "${key}" cannot be made in it`;
    return new BanyanError('constraint-violated', message, { details: { field: this.spec.key } });
  }

  #cannot(what: string): BanyanError {
    return new BanyanError('internal', `${this.#reads.title} cannot ${what}: its capabilities say so.`);
  }
}
