import type { CapturedTable } from '../state/capture.ts';
import type { BoundResource } from './resource.ts';

/** The tables of the new side that hold a resource's records: its own, and those of their children. */
export function capturedOf({
  name: resource,
  mapping,
}: Pick<BoundResource, 'name' | 'mapping'>): CapturedTable[] {
  const { name: table, keys, children = [] } = mapping.tables.new;
  return [
    { resource, table, keys: keys.map(({ name }) => name) },
    ...children.map((child) => ({ resource, table: child.table, keys: [child.parent], child: true })),
  ];
}
