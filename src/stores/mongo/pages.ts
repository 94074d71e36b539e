import type { Collection, Document } from 'mongodb';
import type { Condition, ListQuery, SortBy } from '../../domain/query.ts';
import type { Within } from './channel.ts';
import { excludesNull, halvesAfter } from './after-row.ts';
import { assuming, filterOf, isNever, type Columns, type MongoFilter } from './conditions.ts';
import { follow } from './documents.ts';

/**
 * One part of a list: its documents come all before those of the next part. Nulls are the greatest values, as in
 * Postgres, but MongoDB has them first; so a list goes by two parts, the documents in which the first field of its order
 * is null and the others, each of which an index on that field can answer in order. What comes after a row is two parts
 * as well: those like it in that field, and those beyond.
 */
interface Part {
  filter: MongoFilter;
  sort: readonly SortBy[];
  /** Fields of the order in which nulls may stand beside values, so that these must be told apart. */
  mixed: ReadonlySet<string>;
  /** Nulls of this field come behind all values, and are not of this part. */
  until?: string;
}

function partsOf(where: Condition | null, sort: readonly SortBy[], table: Ordering): Part[] {
  const [first, ...rest] = sort;
  if (!first || first.field === table.key) return part(where, sort, table);
  const { field, descending } = first;
  const isNull: Condition = { field, op: 'null', value: true };
  const nulls = narrowed(assuming(where, field, true), isNull);
  const nullParts = nulls ? partsOf(nulls, rest, table) : [];
  const values = assuming(where, field, false);
  const valueParts = isNever(values) ? [] : valuePartsOf(values, first, sort, table);
  return descending ? [...nullParts, ...valueParts] : [...valueParts, ...nullParts];
}

/** The documents in which the first field is not null. That is asked in a way that an index of the order can answer. */
function valuePartsOf(
  where: Condition | null,
  { field, descending }: SortBy,
  sort: readonly SortBy[],
  table: Ordering,
): Part[] {
  const halves = halvesAfter(where, field);
  if (halves) return [...partsOf(halves.ties, sort.slice(1), table), ...part(halves.beyond, sort, table)];
  if (excludesNull(where, field)) return part(where, sort, table);
  if (descending) return part(where, sort, table).map((whole) => ({ ...whole, until: field }));
  return part(narrowed(where, { field, op: 'null', value: false }), sort, table);
}

function narrowed(where: Condition | null, by: Condition): Condition | null {
  if (isNever(where)) return null;
  return where ? { and: [by, where] } : by;
}

function part(where: Condition | null, sort: readonly SortBy[], { key, columns }: Ordering): Part[] {
  const filter = filterOf(where, columns);
  const mixed = new Set(sort.slice(1).flatMap(({ field }) => (field === key ? [] : [field])));
  return filter === null ? [] : [{ filter, sort, mixed }];
}

interface Ordering {
  key: string;
  columns: Columns;
}

/** The documents of a page, in its order. */
export async function readPage(
  collection: Collection,
  query: ListQuery,
  table: { key: string; columns: Columns; projection: Document },
  options: Within,
): Promise<Document[]> {
  const documents: Document[] = [];
  let { offset } = query;
  const parts = partsOf(query.where, query.sort, table);
  for (const [index, part] of parts.entries()) {
    const limit = query.limit - documents.length;
    if (limit <= 0) break;
    const found = await readPart(collection, part, { offset, limit }, table, options);
    documents.push(...found);
    // What was passed over in this part need not be passed over in the next one.
    if (offset > 0 && found.length === 0 && index < parts.length - 1)
      offset -= await collection.countDocuments(part.filter, { ...options, limit: offset });
    else if (found.length > 0) offset = 0;
  }
  return documents;
}

async function readPart(
  collection: Collection,
  part: Part,
  window: { offset: number; limit: number },
  table: { projection: Document },
  options: Within,
): Promise<Document[]> {
  const documents = await readOrdered(collection, part, window, table, options);
  const path = part.until?.split('.');
  return path ? documents.filter((document) => !isNullAt(document, path)) : documents;
}

function isNullAt(document: Document, path: readonly string[]): boolean {
  const { native, blocked } = follow(document, path);
  return (native ?? null) === null && !Array.isArray(blocked);
}

async function readOrdered(
  collection: Collection,
  { filter, sort, mixed }: Part,
  { offset, limit }: { offset: number; limit: number },
  { projection }: { projection: Document },
  options: Within,
): Promise<Document[]> {
  const paging = { ...options, allowDiskUse: true, batchSize: limit };
  if (mixed.size === 0)
    return await collection
      .find(filter, { ...paging, projection, sort: order(sort), skip: offset, limit })
      .toArray();
  const ranks = Object.fromEntries([...mixed].map((field) => [rankOf(field, sort), nullRank(field)]));
  const ranked = sort.flatMap(({ field, descending }) => [
    ...(mixed.has(field) ? [{ field: rankOf(field, sort), descending }] : []),
    { field, descending },
  ]);
  const stages: Document[] = [
    { $match: filter },
    { $addFields: ranks },
    { $sort: Object.fromEntries(order(ranked)) },
  ];
  if (offset > 0) stages.push({ $skip: offset });
  stages.push({ $limit: limit }, { $unset: Object.keys(ranks) });
  if (Object.keys(projection).length > 0) stages.push({ $project: projection });
  return await collection.aggregate(stages, paging).toArray();
}

function order(sort: readonly SortBy[]): Map<string, 1 | -1> {
  return new Map(sort.map(({ field, descending }) => [field, descending ? -1 : 1]));
}

/** A field that is added for the order only; a path cannot be part of its name. */
function rankOf(field: string, sort: readonly SortBy[]): string {
  return `__banyan_null_${sort.findIndex((by) => by.field === field)}`;
}

/** 1 for null and missing, so that they come as the greatest value. */
function nullRank(field: string): Document {
  return { $cond: [{ $eq: [{ $ifNull: [`$${field}`, null] }, null] }, 1, 0] };
}
