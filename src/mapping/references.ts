import { isExactNumber, type PublicRecord, type Value } from '../domain/values.ts';

/** The ids in a field that refers to other records: one, a list of them, or those of each child (`lines.productId`). */
export function referredIds(record: PublicRecord, field: string): Value[] {
  return valuesAt(record, field.split('.')).filter((id) => id !== null && id !== '');
}

function valuesAt(value: Value | undefined, path: readonly string[]): Value[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  const [name, ...rest] = path;
  if (name === undefined) return value === undefined ? [] : [value];
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return [];
  return valuesAt(value[name], rest);
}
