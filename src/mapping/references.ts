import { isExactNumber, type PublicRecord, type Value } from '../domain/values.ts';

/**
 * The ids in fields that refer to other records, each as the parts of a key: of one field, its value or each of a list; of
 * several, one of each. With a path (`lines.productId`), those of each child, beside whose parts the record's own may be
 * (`id`). What has a part without a value refers to nothing.
 */
export function referredIds(record: PublicRecord, fields: readonly string[]): Value[][] {
  const parts = fields.map((field) => field.split('.'));
  const holder = parts.find((path) => path.length > 1)?.slice(0, -1) ?? [];
  const [only, second] = parts;
  const isWhole = (id: Value[]) => id.length > 0 && id.every((part) => part !== null && part !== '');
  if (only && !second)
    return valuesAt(record, only)
      .map((id) => [id])
      .filter(isWhole);
  return valuesAt(record, holder)
    .map((child) =>
      parts.map((path) => valuesAt(path.length > 1 ? child : record, path.slice(-1))[0] ?? null),
    )
    .filter(isWhole);
}

/** Whether a change names some fields of a reference and leaves others as they are. */
export function namesPartOf(changes: PublicRecord, fields: readonly string[]): boolean {
  const named = fields.filter((field) => changes[field] !== undefined).length;
  return named > 0 && named < fields.length;
}

function valuesAt(value: Value | undefined, path: readonly string[]): Value[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  const [name, ...rest] = path;
  if (name === undefined) return value === undefined ? [] : [value];
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return [];
  return valuesAt(value[name], rest);
}
