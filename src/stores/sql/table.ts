import { sql, type CompiledQuery, type SelectQueryBuilder } from 'kysely';
import { BanyanError, isBanyanError } from '../../domain/errors.ts';
import { partText, splitKey } from '../../domain/keys.ts';
import { BYTES } from '../../domain/order.ts';
import type { Condition, ListQuery } from '../../domain/query.ts';
import type { StatisticsGroup, StatisticsQuery } from '../../domain/statistics.ts';
import type { Row } from '../../domain/values.ts';
import type { Key } from '../../domain/words.ts';
import type { ActualTable, Table, TableSpec } from '../contract.ts';
import type { Tables } from './builder.ts';
import { conditionOf, orderOf } from './conditions.ts';
import { named, type Answer, type Dialect, type Engine } from './dialect.ts';
import { readStatistics, statisticsQuery } from './statistics.ts';

/** Name of the column that carries a list's total beside its rows. */
const TOTAL = 'banyan total';

/** A table or view of hand-written SQL, in statements that are built for whichever database the store is on. */
export class SqlTable implements Table {
  readonly spec: TableSpec;
  readonly #engine: Engine;
  #dialect: Promise<Dialect> | null = null;
  readonly insertMany?: Table['insertMany'];
  readonly estimate?: Table['estimate'];

  constructor(spec: TableSpec, engine: Engine) {
    this.spec = spec;
    this.#engine = engine;
    // A database without such a statement gets rows one by one, by whoever has them.
    if (engine.capabilities.atomicInserts) this.insertMany = async (...of) => await this.#insertMany(...of);
    const ask = engine.estimate?.bind(engine);
    if (ask) this.estimate = async (where) => await this.#on((dialect) => ask(matching(dialect, where)));
  }

  describe(): Promise<ActualTable | null> {
    return this.#engine.describe(this.spec);
  }

  async get(keys: readonly Key[]): Promise<Map<Key, Row>> {
    if (keys.length === 0) return new Map();
    return await this.#on(async (dialect) => {
      const { rows } = await this.#run(this.#selection(dialect).where(dialect.isOneOf(keys)).compile());
      return new Map(rows.map((row) => [dialect.keyOf(row), dialect.row(row)]));
    });
  }

  async list(query: ListQuery): Promise<{ rows: Row[]; total: number | null }> {
    return await this.#on(async (dialect) => {
      const bytewise = query.collation === BYTES;
      const where = query.where && conditionOf(dialect, query.where, bytewise);
      let page = this.#selection(dialect).limit(query.limit).offset(query.offset);
      if (where) page = page.where(where);
      for (const by of orderOf(dialect, query.sort, bytewise)) page = page.orderBy(by);
      if (query.total) {
        // The total as a scalar subquery: one round trip and one snapshot.
        const all = dialect.builder.selectFrom(this.spec.name).select(({ fn }) => fn.countAll().as('n'));
        page = page.select(sql`${where ? all.where(where) : all}`.as(TOTAL));
      }
      const { rows } = await this.#run(page.compile());
      const total = query.total ? await this.#totalOf(rows, query) : null;
      return { rows: rows.map((row) => dialect.row(row)), total };
    });
  }

  /** An empty page carries no total: there are no rows at all, or the page lies beyond the last one. */
  async #totalOf(rows: Answer['rows'], query: ListQuery): Promise<number> {
    if (rows[0]) return Number(rows[0][TOTAL]);
    return query.offset === 0 && query.limit > 0 ? 0 : await this.count(query.where ?? undefined);
  }

  async scan(after: Key | null, limit: number): Promise<Row[]> {
    return await this.#on(async (dialect) => {
      const { rows } = await this.#run(pageOf(dialect, this.#selection(dialect), after, limit));
      return rows.map((row) => dialect.row(row));
    });
  }

  async scanKeys(after: Key | null, limit: number): Promise<Key[]> {
    return await this.#on(async (dialect) => {
      const { rows } = await this.#run(pageOf(dialect, this.#keySelection(dialect), after, limit));
      return rows.map((row) => dialect.keyOf(row));
    });
  }

  async count(where?: Condition, collation?: string): Promise<number> {
    return await this.#on(async (dialect) => {
      const condition = where && conditionOf(dialect, where, collation === BYTES);
      const all = dialect.builder.selectFrom(this.spec.name).select(({ fn }) => fn.countAll().as('total'));
      const { rows } = await this.#run((condition ? all.where(condition) : all).compile());
      return Number(rows[0]?.total ?? 0);
    });
  }

  async statistics(query: StatisticsQuery): Promise<StatisticsGroup[]> {
    return await this.#on(async (dialect) => {
      const { rows } = await this.#run(statisticsQuery(dialect, query));
      return readStatistics(dialect, query, rows);
    });
  }

  async keysWhere(where: Condition, limit: number): Promise<Key[]> {
    return await this.#on(async (dialect) => {
      const matching = this.#keySelection(dialect).where(conditionOf(dialect, where));
      const { rows } = await this.#run(pageOf(dialect, matching, null, limit));
      return rows.map((row) => dialect.keyOf(row));
    });
  }

  async highestKey(): Promise<Key | null> {
    return await this.#on(async (dialect) => {
      let last = this.#keySelection(dialect).limit(1);
      for (const part of dialect.keyParts()) last = last.orderBy(sql`${part} desc`);
      const { rows } = await this.#run(last.compile());
      return rows[0] ? dialect.keyOf(rows[0]) : null;
    });
  }

  async insert(row: Row): Promise<Row> {
    return await this.#change(async (dialect) => {
      const given = storedColumns(dialect, row, Object.keys(row));
      const names = sql.join(Object.keys(given).map(named));
      const values = sql.join(Object.values(given).map((value) => sql`${value}`));
      const what = Object.keys(given).length
        ? sql`(${names})${dialect.overriding} values (${values})`
        : sql`default values`;
      const answer = sql.join(this.#columns(dialect));
      const inserting = sql`insert into ${sql.table(this.spec.name)} ${what} returning ${answer}`;
      const { rows } = await this.#run(inserting.compile(dialect.builder));
      return dialect.row(rows[0] as Answer['rows'][number]);
    });
  }

  async #insertMany(...[rows, options = {}]: Parameters<NonNullable<Table['insertMany']>>) {
    return await this.#change(async (dialect) => (await dialect.insertMany?.(rows, options)) ?? []);
  }

  async update(key: Key, changes: Row, where?: Condition): Promise<Row | null> {
    return await this.#change(async (dialect) => {
      const names = Object.keys(changes).filter((name) => !this.#isOwnPart(name, changes, key));
      const given = storedColumns(dialect, changes, names);
      const row = dialect.isOneOf([key]);
      if (Object.keys(given).length === 0) {
        let present = this.#selection(dialect).where(row);
        if (where) present = present.where(conditionOf(dialect, where));
        const { rows } = await this.#run(present.compile());
        return rows[0] ? dialect.row(rows[0]) : null;
      }
      let updating = dialect.builder.updateTable(this.spec.name).set(given).where(row);
      if (where) updating = updating.where(conditionOf(dialect, where));
      const { rows } = await this.#run(updating.returning(this.#columns(dialect)).compile());
      return rows[0] ? dialect.row(rows[0]) : null;
    });
  }

  async remove(key: Key, where?: Condition): Promise<boolean> {
    return await this.#change(async (dialect) => {
      let deleting = dialect.builder.deleteFrom(this.spec.name).where(dialect.isOneOf([key]));
      if (where) deleting = deleting.where(conditionOf(dialect, where));
      return (await this.#run(deleting.compile())).changed > 0;
    });
  }

  async upsertMany(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    await this.#change((dialect) => dialect.upsert(rows)).catch((error: unknown) => {
      // What the columns keep may be more by the next time.
      if (isBanyanError(error, 'constraint-violated')) this.#dialect = null;
      throw error;
    });
  }

  async removeMany(keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    await this.#change(async (dialect) => {
      await this.#run(dialect.builder.deleteFrom(this.spec.name).where(dialect.isOneOf(keys)).compile());
    });
  }

  async advanceSequence(past?: Key): Promise<void> {
    await this.#change((dialect) => dialect.advanceSequence(past ?? null));
  }

  within(): Table {
    throw new BanyanError('internal', 'a store of kind sql shares no transaction with the control database');
  }

  #selection(dialect: Dialect) {
    return dialect.builder.selectFrom(this.spec.name).select(this.#columns(dialect));
  }

  #keySelection(dialect: Dialect) {
    const columns = this.spec.keys.map(({ name }) => named(name).as(name));
    return dialect.builder.selectFrom(this.spec.name).select(columns);
  }

  #columns(dialect: Dialect) {
    return this.spec.columns.map((column) => dialect.selected(column).as(column.name));
  }

  /** A part of the key is not set to itself: a column that is always generated would refuse even that. */
  #isOwnPart(name: string, row: Row, key: Key): boolean {
    const index = this.spec.keys.findIndex((part) => part.name === name);
    return index >= 0 && partText(row[name]) === splitKey(key, this.spec.keys.length)[index];
  }

  async #run(query: CompiledQuery): Promise<Answer> {
    return await this.#engine.run(query);
  }

  async #change<T>(work: (dialect: Dialect) => Promise<T>): Promise<T> {
    return await this.#on(async (dialect) => {
      if (dialect.readOnly)
        throw new BanyanError('read-only', `"${this.spec.name}" is a view: it can be read and not written`);
      return await work(dialect);
    });
  }

  /** The catalogue is read at the first use, and again after an answer that says that the table is another one now. */
  async #on<T>(work: (dialect: Dialect) => Promise<T>): Promise<T> {
    this.#dialect ??= this.#engine.dialect(this.spec);
    const dialect = await this.#dialect.catch((error: unknown) => {
      this.#dialect = null;
      throw error;
    });
    try {
      return await work(dialect);
    } catch (error) {
      if (isBanyanError(error, 'store-answer')) this.#dialect = null;
      throw error;
    }
  }
}

function matching(dialect: Dialect, where: Condition | null): CompiledQuery {
  const rows = dialect.builder.selectFrom(dialect.spec.name).select(sql`1`.as('one'));
  return (where ? rows.where(conditionOf(dialect, where)) : rows).compile();
}

type Selection = SelectQueryBuilder<Tables, string, unknown>;

/** A page in key order, beyond a key. */
function pageOf(dialect: Dialect, from: Selection, after: Key | null, limit: number): CompiledQuery {
  let page = from.limit(limit);
  if (after !== null) page = page.where(dialect.isBeyond(after));
  for (const part of dialect.keyParts()) page = page.orderBy(part);
  return page.compile();
}

function storedColumns(dialect: Dialect, row: Row, names: readonly string[]): Record<string, unknown> {
  const given = names.filter((name) => row[name] !== undefined);
  return Object.fromEntries(
    given.map((name) => [name, dialect.stored(dialect.column(name, 'validation-failed'), row[name])]),
  );
}
