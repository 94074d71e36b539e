import type { ChildTable } from '../../domain/model.ts';
import type { TableSpec } from '../contract.ts';
import { quote, quoteTable } from './conditions.ts';

/** The children of a row as an expression of its SELECT: a list of lists of texts, in their order. */
export function childrenOf(spec: TableSpec, child: ChildTable): string {
  const texts = child.columns.map(({ name }) => `child.${quote(name)}::text`);
  const [key] = spec.keys;
  return (
    `(SELECT coalesce(json_agg(json_build_array(${texts.join(', ')}) ORDER BY child.${quote(child.order)}), '[]'::json) ` +
    `FROM ${quoteTable(child.table)} AS child ` +
    `WHERE child.${quote(child.parent)} = ${quoteTable(spec.name)}.${quote(key?.name ?? spec.key)}) AS ${quote(child.name)}`
  );
}
