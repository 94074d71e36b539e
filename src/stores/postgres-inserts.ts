import type { ColumnSpec } from '../domain/model.ts';
import type { Database, Sql } from '../domain/sql.ts';
import type { Row } from '../domain/values.ts';
import { insertParameters, insertText } from '../postgres/bulk.ts';
import type { WritableColumn } from '../postgres/catalog.ts';
import type { InsertManyOptions, InsertOutcome, TableSpec } from './contract.ts';
import { insertByHalves } from './insert-many.ts';

/** A table of a Postgres as an insert of many rows needs it; two kinds of store have such tables. */
export interface InsertTarget {
  sql: Sql;
  spec: TableSpec;
  /** What rows may be given in. */
  writable: readonly WritableColumn[];
  columns: ReadonlyMap<string, ColumnSpec>;
  /** What is answered. */
  list: string;
}

/** One statement for all rows that give the same columns, as the others take the table's defaults. */
export async function insertRows(
  target: InsertTarget,
  rows: readonly Row[],
  options: InsertManyOptions,
): Promise<InsertOutcome[]> {
  const groups = groupByColumns(rows);
  const outcomes: InsertOutcome[] = [];
  const run = async (sql: Sql) => {
    for (const { names, places } of groups) {
      const given = target.writable.filter(({ name }) => names.has(name));
      const chosen = places.map((place) => rows[place] as Row);
      const done = await insertByHalves(
        chosen,
        options,
        async (part) => await insertAll(sql, target, given, part),
      );
      done.forEach((outcome, index) => (outcomes[places[index] as number] = outcome));
    }
  };
  // A single statement is all or nothing by itself.
  if (options.atomic && groups.length > 1 && isDatabase(target.sql)) await target.sql.transaction(run);
  else await run(target.sql);
  return outcomes;
}

async function insertAll(
  sql: Sql,
  { spec, columns, list }: InsertTarget,
  given: readonly WritableColumn[],
  rows: readonly Row[],
): Promise<Row[]> {
  const answered = await sql.query<Row>(
    insertText(spec, given, list),
    insertParameters(given, columns, rows),
  );
  return answered.rows;
}

function groupByColumns(rows: readonly Row[]): { names: Set<string>; places: number[] }[] {
  const groups = new Map<string, { names: Set<string>; places: number[] }>();
  rows.forEach((row, place) => {
    const names = Object.keys(row).filter((name) => row[name] !== undefined);
    const signature = names.sort().join('\n');
    const group = groups.get(signature) ?? { names: new Set(names), places: [] };
    group.places.push(place);
    groups.set(signature, group);
  });
  return [...groups.values()];
}

function isDatabase(sql: Sql): sql is Database {
  return 'transaction' in sql;
}
