import { BanyanError } from '../domain/errors.ts';
import { agreementOf, BYTES, compareBy, goesByBytes } from '../domain/order.ts';
import { comparedFields, type ListQuery, type SortBy } from '../domain/query.ts';
import type { Database } from '../domain/sql.ts';
import type { PublicRecord, Value } from '../domain/values.ts';
import { isOneForm } from '../mapping/ids.ts';
import { findCollation, ranksOf } from '../postgres/collations.ts';
import type { BoundResource } from './resource.ts';

/** How both sides can be made to sort by a field: by themselves, in one collation, or not. */
export type FieldOrder = 'always' | 'text' | { refused: string; isUnnamed?: true };

export function fieldOrder({ mapping, legacy, new: fresh }: BoundResource, name: string): FieldOrder {
  const field = mapping.field(name);
  // Ids that one side has as texts are sorted as texts there, whatever clients see.
  const type = field?.ids && Object.values(field.types).includes('text') ? 'text' : field?.type;
  const agreement = field && type ? agreementOf(type, field.list) : 'never';
  if (agreement === 'always') return 'always';
  if (agreement === 'never') return { refused: 'it has no order' };
  const { name: store, capabilities } = legacy.store;
  if (capabilities.bytewiseText && fresh.store.capabilities.bytewiseText) return 'text';
  const own = `the legacy store "${store}" sorts text in an order of its own`;
  const { textOrder } = capabilities;
  if (!textOrder) return { refused: `${own}, which its settings do not name ("collation")`, isUnnamed: true };
  if (!fresh.store.capabilities.collations)
    return { refused: `${own}, in which "${fresh.store.name}" cannot` };
  if (field?.ids && !isOneForm(field.ids))
    return { refused: `${own}, and has these ids in a form of its own` };
  return 'text';
}

/** A collation under its name in the settings, and the one of the new Postgres. */
interface Collation {
  declared: string;
  name: string;
}

/** What was found, by database; one that is missing may be made at any time. */
const FOUND = new WeakMap<Database, Map<string, string>>();

/** The collation in which both sides sort text; fails where the new Postgres has none such. */
export async function sharedCollation({ legacy, database }: BoundResource): Promise<Collation> {
  const { bytewiseText, textOrder } = legacy.store.capabilities;
  const declared = textOrder ?? BYTES;
  if (bytewiseText || goesByBytes(declared)) return { declared, name: BYTES };
  const known = FOUND.get(database) ?? new Map<string, string>();
  FOUND.set(database, known);
  const name = known.get(declared) ?? (await findCollation(database, declared));
  if (name !== null) {
    known.set(declared, name);
    return { declared, name };
  }
  const message = `the new Postgres has no collation "${declared}", in which store "${legacy.store.name}" sorts text`;
  throw new BanyanError('collation-missing', message);
}

/**
 * The order of a list that is read from both sides: what each of them is told, and how their records compare. In a
 * collation that goes by more than bytes, only Postgres can say which text comes first: it ranks those of the page.
 *
 * An order that nobody but the settings vouches for is looked at in what the store answers: a page that is out of order is
 * refused, for the one after it would lack records.
 */
export class MergeOrder {
  readonly sort: readonly SortBy[];
  /** What both sides are asked for; undefined where no text is sorted or compared. */
  readonly collation: string | undefined;
  /** Whether legacy's order is the settings' word. */
  readonly isDeclared: boolean;
  private readonly resource: BoundResource;
  private readonly texts: ReadonlySet<string>;
  private readonly declared: string;
  private readonly known = new Set<string>();
  private ranks: ReadonlyMap<string, number> = new Map();

  private constructor(
    resource: BoundResource,
    sort: readonly SortBy[],
    texts: ReadonlySet<string>,
    collation: Collation | null,
  ) {
    this.resource = resource;
    this.sort = sort;
    this.texts = texts;
    this.collation = collation?.name;
    this.declared = collation?.declared ?? '';
    this.isDeclared = texts.size > 0 && Boolean(resource.legacy.store.capabilities.textOrder);
  }

  /** Fails where the sides cannot agree on it: pages would lack records. */
  static async of(
    resource: BoundResource,
    { sort, where }: Pick<ListQuery, 'sort' | 'where'>,
  ): Promise<MergeOrder> {
    const texts = new Set<string>();
    for (const { field } of sort) {
      const order = fieldOrder(resource, field);
      if (typeof order === 'object') throw refused(resource, field, order.refused);
      if (order === 'text') texts.add(field);
    }
    // A filter by the order of text keeps out the same on both sides.
    const compares = comparedFields(where).some((field) => fieldOrder(resource, field) === 'text');
    const collation = compares || texts.size > 0 ? await sharedCollation(resource) : null;
    return new MergeOrder(resource, sort, texts, collation);
  }

  /** Legacy's own order, where nothing of new is merged with it. */
  static ofLegacy(resource: BoundResource, sort: readonly SortBy[]): MergeOrder {
    return new MergeOrder(resource, sort, new Set(), null);
  }

  /** Has to be told of records before they are compared. */
  async learn(records: Iterable<PublicRecord>): Promise<void> {
    if (this.collation === undefined || this.collation === BYTES || this.texts.size === 0) return;
    const before = this.known.size;
    for (const record of records)
      for (const field of this.texts) {
        const value = record[field] ?? null;
        if (value !== null) this.known.add(textOf(value));
      }
    if (this.known.size > before)
      this.ranks = await ranksOf(this.resource.database, this.collation, this.known);
  }

  compare(a: PublicRecord, b: PublicRecord): number {
    return compareBy(this.sort, (field, x, y) => this.compareValues(field, x, y), a, b);
  }

  /** Holds what legacy answered, one after the other, against the order that its settings say. */
  check(records: readonly PublicRecord[]): void {
    if (!this.isDeclared) return;
    records.forEach((record, index) => {
      const before = records[index - 1];
      if (!before || this.compare(before, record) <= 0) return;
      const by = this.sort.find(({ field }) => this.differIn(field, before, record));
      if (by && this.texts.has(by.field)) throw this.outOfOrder(by, before, record);
    });
  }

  private differIn(field: string, a: PublicRecord, b: PublicRecord): boolean {
    return this.compareValues(field, a[field] ?? null, b[field] ?? null) !== 0;
  }

  private compareValues(field: string, a: Value, b: Value): number {
    const ranked = this.texts.has(field) && this.collation !== BYTES && a !== null && b !== null;
    if (!ranked) return this.resource.mapping.compareValues(field, a, b);
    return this.rankOf(a) - this.rankOf(b);
  }

  private rankOf(value: Value): number {
    const rank = this.ranks.get(textOf(value));
    if (rank === undefined) throw new RangeError('a text is compared before its rank is known');
    return rank;
  }

  private outOfOrder({ field, descending }: SortBy, first: PublicRecord, second: PublicRecord): BanyanError {
    const shown = (record: PublicRecord) => JSON.stringify(record[field] ?? null);
    const way = descending ? 'downwards' : 'upwards';
    const message =
      `store "${this.resource.legacy.store.name}" does not sort ${this.resource.name} by "${field}" as its ` +
      `"collation", ${this.declared}, says: ${way} it has ${shown(first)} before ${shown(second)}`;
    return new BanyanError('collation-differs', message, { details: { field } });
  }
}

function textOf(value: Value): string {
  return typeof value === 'string' ? value : String(value);
}

function refused({ name }: BoundResource, field: string, why: string): BanyanError {
  const message = `while ${name} is read from both sides it cannot be sorted by "${field}": ${why}`;
  return new BanyanError('invalid-query', message, { details: { problems: [message] } });
}
