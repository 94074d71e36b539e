import { isExactNumber, type PublicRecord, type Value } from '../domain/values.ts';

/**
 * The ids in fields that refer to other records, each as the parts of a key: of one field, its value or each of a list; of
 * several, one of each. With a path (`lines.productId`), those of each child. What has a part without a value refers to
 * nothing.
 */
export function referredIds(record: PublicRecord, fields: readonly string[]): Value[][] {
  const paths = fields.map((field) => field.split('.'));
  const [holder, names] = [paths[0]?.slice(0, -1) ?? [], paths.map((path) => path.at(-1) as string)];
  const isWhole = (id: Value[]) => id.length > 0 && id.every((part) => part !== null && part !== '');
  return valuesAt(record, holder)
    .flatMap((held) =>
      names.length === 1
        ? valuesAt(held, names).map((id) => [id])
        : [names.map((name) => valuesAt(held, [name])[0] ?? null)],
    )
    .filter(isWhole);
}

function valuesAt(value: Value | undefined, path: readonly string[]): Value[] {
  if (Array.isArray(value)) return value.flatMap((item) => valuesAt(item, path));
  const [name, ...rest] = path;
  if (name === undefined) return value === undefined ? [] : [value];
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return [];
  return valuesAt(value[name], rest);
}
