import { PostgrestQueryBuilder, type PostgrestFilterBuilder } from '@supabase/postgrest-js';
import { BanyanError } from '../../domain/errors.ts';
import { stringifyJson, type Row } from '../../domain/values.ts';
import type { TableSpec } from '../contract.ts';
import type { Channel } from './channel.ts';
import type { Filter } from './conditions.ts';
import { nonsense, type Asked } from './errors.ts';
import { columnReader, type ColumnReader } from './values.ts';

/** The types of postgrest-js describe a schema, which here is known at run time only. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Builder = PostgrestQueryBuilder<any, any, any>;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type Query = PostgrestFilterBuilder<any, any, any, any>;
export type Native = Record<string, unknown>;

/**
 * The most rows that the server has answered with so far. It cuts answers at a number of its own (`max_rows`) without
 * a word; a page shorter than one that was seen before has not been cut, so no further request need ask whether it was.
 */
export class Largest {
  #rows = 0;

  saw(rows: number): void {
    this.#rows = Math.max(this.#rows, rows);
  }

  isWhole(rows: number): boolean {
    return rows < this.#rows;
  }
}

/** Requests to one table of PostgREST, with canonical rows as answers. */
export class Requests {
  readonly reads: Asked;
  readonly writes: Asked;
  readonly #channel: Channel;
  readonly #largest: Largest;
  readonly #url: string;
  readonly #readers: readonly [name: string, read: ColumnReader][];

  constructor(store: string, spec: TableSpec, channel: Channel, largest: Largest) {
    const title = `store "${store}", table "${spec.name}"`;
    this.reads = { title, writes: false };
    this.writes = { title, writes: true };
    this.#channel = channel;
    this.#largest = largest;
    this.#url = `${channel.base}/${encodeURIComponent(spec.name)}`;
    this.#readers = spec.columns.map((column) => [column.name, columnReader(column)]);
  }

  /** `count` is the number of all matching rows where `build` asks for it. */
  async read(
    build: (from: Builder) => Query,
    filter: NonNullable<Filter> = [],
  ): Promise<{ rows: Row[]; count: number | null }> {
    const { data, count } = await this.#ask(build, filter, this.reads, null, this.until());
    const rows = this.#canonical(data, this.reads);
    this.#largest.saw(rows.length);
    return { rows, count };
  }

  /** Rows that the server makes of many, as it answers them; days and moments are in UTC. */
  async aggregate(
    build: (from: Builder) => Query,
    filter: NonNullable<Filter>,
  ): Promise<{ rows: Native[]; isWhole: boolean }> {
    const inUtc = (from: Builder) => build(from).setHeader('Prefer', 'timezone=UTC');
    const { data } = await this.#ask(inUtc, filter, this.reads, null, this.until());
    const rows = data ?? [];
    this.#largest.saw(rows.length);
    return { rows, isWhole: this.#largest.isWhole(rows.length) };
  }

  /** The rows written, where `build` asks for them. `body` is sent exactly: JSON.stringify would round its numbers. */
  async write(
    build: (from: Builder) => Query,
    filter: NonNullable<Filter>,
    body?: Native | Native[],
    until = this.until(),
  ): Promise<Row[]> {
    const text = body === undefined ? null : stringifyJson(body);
    const { data } = await this.#ask(build, filter, this.writes, text, until);
    return this.#canonical(data, this.writes);
  }

  /** When a method that begins now has to have ended, as performance.now(). */
  until(): number {
    return performance.now() + this.#channel.timeout;
  }

  async #ask(
    build: (from: Builder) => Query,
    filter: NonNullable<Filter>,
    asked: Asked,
    body: string | null,
    until: number,
  ): Promise<{ data: Native[] | null; count: number | null }> {
    const url = new URL(this.#url);
    for (const [name, value] of filter) url.searchParams.append(name, value);
    const fetch = this.#channel.fetchFor(asked, body, until);
    try {
      return await build(new PostgrestQueryBuilder(url, { fetch, retry: false })).throwOnError();
    } catch (error) {
      throw error instanceof BanyanError ? error : nonsense('an answer that is not JSON', asked, error);
    }
  }

  #canonical(data: Native[] | null, asked: Asked): Row[] {
    return (data ?? []).map((native) => {
      const row: Row = {};
      for (const [name, read] of this.#readers) {
        if (!(name in native)) continue;
        try {
          row[name] = read(native[name]);
        } catch (error) {
          throw nonsense(`column "${name}": ${(error as Error).message}`, asked, error);
        }
      }
      return row;
    });
  }
}
