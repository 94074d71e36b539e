import { capturedOf } from '../replication/captured.ts';
import type { BoundResource, RecordSide } from '../replication/resource.ts';
import { missingCapture } from '../state/capture.ts';

/**
 * Holds the mapping against the real tables of both sides: tables, columns, nullability, a unique key, and the triggers
 * that mark writes to the new side (D5). Answers what is wrong, in words; empty when all fits.
 */
export async function checkMapping(resource: BoundResource): Promise<string[]> {
  const problems = [...(await checkSide(resource.legacy)), ...(await checkSide(resource.new))];
  if (problems.length > 0) return problems;
  for (const captured of capturedOf(resource)) {
    const missing = await missingCapture(resource.database, captured);
    if (missing.length > 0)
      problems.push(
        `new: table "${captured.table}" lacks the triggers ${missing.join(', ')}; "banyan migrate" makes them`,
      );
  }
  return problems;
}

async function checkSide({ side, table, store }: RecordSide): Promise<string[]> {
  const { spec } = table;
  if (spec.keys.length > 1 && !store.capabilities.compositeKeys)
    return [`${side}: store "${store.name}" cannot hold a key of several columns`];
  if (!store.capabilities.describesTables) return [];
  const actual = await table.describe();
  if (!actual) return [`${side}: store "${store.name}" has no table "${spec.name}"`];
  const columns = new Map(actual.columns.map((column) => [column.name, column]));
  const problems = spec.columns
    .filter((column) => !columns.has(column.name))
    .map(
      (column) =>
        `${side}: table "${spec.name}" has no column "${column.name}"${nearest(column.name, [...columns.keys()])}`,
    );
  const mapped = new Set(spec.columns.map((column) => column.name));
  for (const column of actual.columns) {
    if (mapped.has(column.name) || column.nullable || column.hasDefault) continue;
    problems.push(`${side}: column "${spec.name}.${column.name}" must be given and no field maps to it`);
  }
  problems.push(...(actual.problems ?? []).map((problem) => `${side}: table "${spec.name}": ${problem}`));
  if (actual.keyIsUnique === false)
    problems.push(
      `${side}: "${spec.keys.map(({ name }) => name).join(', ')}" is not unique in table "${spec.name}"`,
    );
  return problems;
}

function nearest(name: string, names: readonly string[]): string {
  const plain = (text: string) => text.toLowerCase().replaceAll('_', '');
  const near = names.find((other) => plain(other) === plain(name));
  return near ? `; did you mean "${near}"?` : `; it has ${names.join(', ')}`;
}
