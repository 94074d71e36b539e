import type { Collection, Document } from 'mongodb';
import type { Condition, ListQuery, SortBy } from '../../domain/query.ts';
import type { Within } from './channel.ts';
import { assuming, columnOf, filterOf, nullFilter, type Columns, type MongoFilter } from './conditions.ts';

/**
 * One part of a list: its documents come all before those of the next part. Nulls are the greatest values, as in
 * Postgres, but MongoDB has them first; so a list goes by two parts, the documents in which the first field of its order
 * is null and the others, each of which an index on that field can answer in order.
 */
interface Part {
  filter: MongoFilter;
  sort: readonly SortBy[];
  /** Fields of the order in which nulls may stand beside values, so that these must be told apart. */
  mixed: ReadonlySet<string>;
}

function partsOf({ where, sort }: ListQuery, key: string, columns: Columns): Part[] {
  const [first, ...rest] = sort;
  const mixed = new Set(rest.map(({ field }) => field).filter((field) => field !== key));
  if (!first || first.field === key) return filtered(where, [], { sort, mixed }, columns);
  const column = columnOf(first.field, columns);
  const part = (isNull: boolean) => {
    const also = [nullFilter(column, isNull)];
    return filtered(
      assuming(where, first.field, isNull),
      also,
      { sort: isNull ? rest : sort, mixed },
      columns,
    );
  };
  return first.descending ? [...part(true), ...part(false)] : [...part(false), ...part(true)];
}

function filtered(
  where: Condition | null,
  also: MongoFilter[],
  order: Omit<Part, 'filter'>,
  columns: Columns,
): Part[] {
  const filter = filterOf(where, columns);
  if (filter === null) return [];
  const all = [...also, ...(Object.keys(filter).length > 0 ? [filter] : [])];
  return [{ filter: all.length > 1 ? { $and: all } : (all[0] ?? {}), ...order }];
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
  const parts = partsOf(query, table.key, table.columns);
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
  return await collection
    .aggregate([...stages, { $limit: limit }, { $project: projection }], paging)
    .toArray();
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
