import pLimit from 'p-limit';
import { BanyanError } from '../../domain/errors.ts';
import type { ColumnSpec } from '../../domain/model.ts';
import {
  afterRow,
  stretchesAfter,
  type Condition,
  type Estimate,
  type ListQuery,
  type SortBy,
} from '../../domain/query.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { ActualTable, Table, TableSpec } from '../contract.ts';
import type { Channel } from './channel.ts';
import { filterOf, isHardToQuote, keyList, type Filter } from './conditions.ts';
import { describedTable, probedTable, readOpenApi } from './description.ts';
import { nonsense } from './errors.ts';
import { Requests, type Builder, type Largest, type Query } from './requests.ts';
import { Aggregates, Refusal, type AskGroups } from './statistics.ts';
import { columnName, keyText, nativeRow, selectList } from './values.ts';

/** Keys in one URL: 150 UUIDs are 6 kB, and servers refuse more than 16 kB of headers. */
const KEYS = 150;
const KEYS_LENGTH = 6000;
/** Rows in the body of one upsert. */
const ROWS = 500;
/** Batches of one `get` that are under way together, so that one big call leaves slots for others. */
const BATCHES = 3;

/** A table or view behind PostgREST. */
export class SupabaseTable implements Table {
  readonly spec: TableSpec;
  readonly #channel: Channel;
  readonly #largest: Largest;
  readonly #refusal: Refusal;
  readonly #requests: Requests;
  readonly #columns: ReadonlyMap<string, ColumnSpec>;
  /** The `select` of whole rows, and of keys. */
  readonly #select: string;
  readonly #keySelect: string;
  readonly #byKey: readonly SortBy[];
  readonly #key: ColumnSpec;

  constructor(
    store: string,
    spec: TableSpec,
    channel: Channel,
    largest: Largest,
    refusal: Refusal = new Refusal(),
  ) {
    this.spec = spec;
    this.#refusal = refusal;
    this.#channel = channel;
    this.#largest = largest;
    this.#requests = new Requests(store, spec, channel, largest);
    this.#columns = new Map(spec.columns.map((column) => [column.name, column]));
    this.#key = keyColumn(spec);
    this.#select = selectList(spec.columns);
    this.#keySelect = selectList([this.#key]);
    this.#byKey = [{ field: spec.key, descending: false }];
  }

  async describe(): Promise<ActualTable | null> {
    const definitions = await readOpenApi(this.#channel, this.#requests.reads);
    if (definitions) {
      const definition = definitions[this.spec.name];
      return definition ? describedTable(definition, this.spec.key) : null;
    }
    return probedTable(this.spec, (column) =>
      // No row is wanted, and no row has a null key.
      this.#requests.read((from) =>
        from.select(columnName(column)).is(columnName(this.spec.key), null).limit(1),
      ),
    );
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    const found = new Map<Key, Row>();
    if (keys.length <= 1) {
      await this.#getBatch(keys, found);
      return found;
    }
    const limit = pLimit(BATCHES);
    await Promise.all(batches(keys).map((batch) => limit(() => this.#getBatch(batch, found))));
    return found;
  }

  /** Asks until a batch is whole or an answer brings nothing: one that lacks rows may have been cut by the server. */
  async #getBatch(batch: readonly Key[], found: Map<Key, Row>): Promise<void> {
    let missing = batch;
    while (missing.length) {
      const asked = missing;
      const rows = await this.#rows([this.#byKeys(asked)], (from) => from.select(this.#select));
      for (const row of rows) found.set(keyText(row[this.spec.key]), row);
      missing = asked.filter((key) => !found.has(key));
      if (rows.length === 0 || this.#largest.isWhole(rows.length)) return;
    }
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    const stretches = this.#inStretches(query.where, query.stretches ?? []);
    if (stretches.length > 0 && query.offset === 0) return await this.#listStretches(query, stretches);
    const filter = filterOf(query.where, this.#columns);
    if (!filter) return { rows: [], total: query.total ? 0 : null };
    const { limit, offset, sort } = query;
    if (limit === 0)
      return { rows: [], total: query.total ? await this.count(query.where ?? undefined) : null };
    const first = await this.#requests.read((from) => {
      const page = from.select(this.#select, query.total ? { count: 'exact' } : undefined);
      return ordered(page, sort).range(offset, offset + limit - 1);
    }, filter);
    const rows = first.rows;
    await this.#readOn(rows, query.where, sort, limit, (from) => from.select(this.#select));
    return { rows, total: query.total ? this.#exact(first.count) : null };
  }

  /** The conditions to ask for one after the other, where a server might misread all of them together; else none. */
  #inStretches(where: Condition | null, stretches: readonly Condition[]): readonly Condition[] {
    return stretches.length > 0 && isHardToQuote(where, this.#columns) ? stretches : [];
  }

  async #listStretches(
    query: ListQuery,
    stretches: readonly Condition[],
  ): Promise<{ rows: Row[]; total: number | null }> {
    const rows: Row[] = [];
    let total = query.total ? 0 : null;
    for (const where of stretches) {
      const missing = query.limit - rows.length;
      if (missing <= 0 && total === null) break;
      const page = await this.list({ ...query, where, limit: missing, stretches: [] });
      rows.push(...page.rows);
      if (total !== null) total += page.total ?? 0;
    }
    return { rows, total };
  }

  /** Adds to a page that the server may have cut what comes after its last row, until it holds `limit` rows. */
  async #readOn(
    rows: Row[],
    where: Condition | null,
    sort: readonly SortBy[],
    limit: number,
    select: (from: Builder) => Query,
  ): Promise<void> {
    let size = rows.length;
    if (this.#largest.isWhole(size)) return;
    while (size > 0 && rows.length < limit) {
      const last = rows.at(-1) as Row;
      const values = sort.map(({ field }) => last[field] ?? null);
      const within = (after: Condition): Condition => (where ? { and: [after, where] } : after);
      const rest = within(afterRow(sort, values));
      const stretches = this.#inStretches(rest, stretchesAfter(sort, values).map(within));
      const missing = limit - rows.length;
      size = 0;
      // The first stretch that has records may have been cut too: the next one is asked for from its end.
      for (const part of stretches.length > 0 ? stretches : [rest]) {
        const filter = filterOf(part, this.#columns);
        const more = await this.#rows(filter, (from) => ordered(select(from), sort).limit(missing));
        rows.push(...more);
        size = more.length;
        if (size > 0) break;
      }
      if (stretches.length === 0 && this.#largest.isWhole(size)) return;
    }
  }

  scan(after: Key | null, limit: number): Promise<Row[]> {
    return this.#scan(this.#select, after, limit);
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    const rows = await this.#scan(this.#keySelect, after, limit);
    return rows.map((row) => keyText(row[this.spec.key]));
  }

  #scan(select: string, after: Key | null, limit: number): Promise<Row[]> {
    const beyond: Condition | null = after === null ? null : { field: this.spec.key, op: 'gt', value: after };
    const filter = filterOf(beyond, this.#columns);
    return this.#rows(filter, (from) => ordered(from.select(select), this.#byKey).limit(limit));
  }

  async count(where?: Condition): Promise<number> {
    const filter = filterOf(where ?? null, this.#columns);
    if (!filter) return 0;
    return await this.#count(filter, 'exact');
  }

  /** Exact below the server's `max_rows`, and not told apart from what its planner thinks beyond it. */
  async estimate(where: Condition | null): Promise<Estimate> {
    const filter = filterOf(where, this.#columns);
    if (!filter) return { count: 0, exact: true };
    return { count: await this.#count(filter, 'estimated'), exact: false };
  }

  async #count(filter: NonNullable<Filter>, count: 'exact' | 'estimated'): Promise<number> {
    // One row and not a HEAD request: an error then has a body that says what is wrong.
    const select = (from: Builder) => from.select(columnName(this.spec.key), { count }).limit(1);
    return this.#exact((await this.#requests.read(select, filter)).count);
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    const ask: AskGroups = (build, filter) =>
      this.#refusal.unless(() => this.#requests.aggregate(build, filter));
    return await new Aggregates(query, this.#columns, ask).read();
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    const filter = filterOf(where, this.#columns);
    if (!filter || limit === 0) return [];
    const select = (from: Builder) => from.select(this.#keySelect);
    const rows = await this.#rows(filter, (from) => ordered(select(from), this.#byKey).limit(limit));
    await this.#readOn(rows, where, this.#byKey, limit, select);
    return rows.map((row) => keyText(row[this.spec.key]));
  }

  async insert(row: Row): Promise<Row> {
    const native = nativeRow(row, this.#columns, this.spec.name);
    const [inserted] = await this.#requests.write((from) => from.insert({}).select(this.#select), [], native);
    if (!inserted) throw nonsense('no row in the answer', this.#requests.writes);
    return inserted;
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    const filter = this.#oneThat(key, where);
    if (!filter) return null;
    const native = nativeRow(changes, this.#columns, this.spec.name);
    if (Object.keys(native).length === 0)
      return (await this.#rows(filter, (from) => from.select(this.#select)))[0] ?? null;
    const [row] = await this.#requests.write((from) => from.update({}).select(this.#select), filter, native);
    return row ?? null;
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    const filter = this.#oneThat(key, where);
    if (!filter) return false;
    const removed = await this.#requests.write((from) => from.delete().select(this.#keySelect), filter);
    return removed.length > 0;
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    const until = this.#requests.until();
    const names = this.spec.columns.map(({ name }) => name);
    const onConflict = columnName(this.spec.key);
    for (let at = 0; at < rows.length; at += ROWS) {
      const body = rows.slice(at, at + ROWS).map((row) => {
        const whole = Object.fromEntries(names.map((name) => [name, row[name] ?? null]));
        return nativeRow(whole, this.#columns, this.spec.name);
      });
      // postgrest-js takes the list of columns from the rows it sees; all rows have the same ones.
      await this.#requests.write((from) => from.upsert(body.slice(0, 1), { onConflict }), [], body, until);
    }
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    const until = this.#requests.until();
    for (const batch of batches(keys)) {
      await this.#requests.write((from) => from.delete(), [this.#byKeys(batch)], undefined, until);
    }
  }

  advanceSequence(): Promise<void> {
    return Promise.reject(this.#cannot('set a sequence'));
  }

  async highestKey(): Promise<Key | null> {
    const sort = [{ field: this.spec.key, descending: true }];
    const [row] = await this.#rows([], (from) => ordered(from.select(this.#keySelect), sort).limit(1));
    return row ? keyText(row[this.spec.key]) : null;
  }

  within(): Table {
    throw this.#cannot('take part in a transaction');
  }

  /** The row of a key where it holds for a condition; null where none can. */
  #oneThat(key: Key, where: Condition | undefined): Filter {
    if (!where) return [this.#byKeys([key])];
    return filterOf({ and: [{ field: this.spec.key, op: 'eq', value: key }, where] }, this.#columns);
  }

  #byKeys(keys: readonly Key[]): [string, string] {
    const [only] = keys;
    // A text key could look like a number or like null to a server that guesses; in quotes it cannot.
    const plain = keys.length === 1 && this.#key.type !== 'text';
    return [columnName(this.spec.key), plain ? `eq.${only}` : keyList(keys)];
  }

  async #rows(filter: Filter, build: (from: Builder) => Query): Promise<Row[]> {
    return filter ? (await this.#requests.read(build, filter)).rows : [];
  }

  #exact(count: number | null): number {
    if (count !== null && Number.isSafeInteger(count)) return count;
    throw nonsense('no count in the answer', this.#requests.reads);
  }

  #cannot(what: string): BanyanError {
    return new BanyanError(
      'internal',
      `${this.#requests.reads.title} cannot ${what}: its capabilities say so.`,
    );
  }
}

function keyColumn(spec: TableSpec): ColumnSpec {
  const column = spec.columns.find(({ name }) => name === spec.key);
  return column ?? { name: spec.key, type: spec.keyType, list: false, nullable: false };
}

/** In PostgREST, as in Postgres, nulls are last when ascending and first when descending unless it is said otherwise. */
function ordered(query: Query, sort: readonly SortBy[]): Query {
  for (const { field, descending } of sort) query.order(columnName(field), { ascending: !descending });
  return query;
}

/** Keys in groups that fit into a URL. */
function batches(keys: readonly Key[]): Key[][] {
  const groups: Key[][] = [];
  let length = Infinity;
  for (const key of keys) {
    const size = encodeURIComponent(key).length + 7; // with its quotes and comma
    if (length + size > KEYS_LENGTH || (groups.at(-1)?.length ?? KEYS) >= KEYS) {
      groups.push([]);
      length = 0;
    }
    groups.at(-1)?.push(key);
    length += size;
  }
  return groups;
}
