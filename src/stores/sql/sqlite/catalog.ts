import { sql } from 'kysely';
import type { ActualTable, TableSpec } from '../../contract.ts';
import type { Answer } from '../dialect.ts';
import { sqliteBuilder } from '../builder.ts';

/** What decides how SQLite keeps a value, made of the declared type (https://www.sqlite.org/datatype3.html, 3.1). */
export type Affinity = 'INTEGER' | 'TEXT' | 'BLOB' | 'REAL' | 'NUMERIC';

export interface RealColumn {
  name: string;
  declared: string;
  affinity: Affinity;
  nullable: boolean;
  hasDefault: boolean;
  /** Computed by the table; cannot be written. */
  generated: boolean;
}

export interface RealTable {
  columns: RealColumn[];
  keyIsUnique: boolean | null;
  isView: boolean;
  /** Whether its integer keys are never given twice (AUTOINCREMENT). */
  remembersKeys: boolean;
}

const AFFINITIES: readonly [RegExp, Affinity][] = [
  [/INT/, 'INTEGER'],
  [/CHAR|CLOB|TEXT/, 'TEXT'],
  [/BLOB|^$/, 'BLOB'],
  [/REAL|FLOA|DOUB/, 'REAL'],
];

export function affinityOf(declared: string): Affinity {
  return AFFINITIES.find(([pattern]) => pattern.test(declared.toUpperCase()))?.[1] ?? 'NUMERIC';
}

const BUILDER = sqliteBuilder();

/** Statements that read the catalogue of one table; in one request, so that they see one moment. */
export function catalogQueries(table: string) {
  return [
    sql`select type, sql from sqlite_schema where name = ${table} and type in ('table', 'view')`.compile(
      BUILDER,
    ),
    sql`select name, type, "notnull", dflt_value, pk, hidden from pragma_table_xinfo(${table})`.compile(
      BUILDER,
    ),
    sql`
      select l.name as list, i.name as name
        from pragma_index_list(${table}) as l, pragma_index_info(l.name) as i
       where l."unique" = 1 and l.partial = 0`.compile(BUILDER),
  ];
}

/** What the answers of `catalogQueries` say; null where there is no such table. */
export function realTable(spec: TableSpec, answers: readonly Answer[]): RealTable | null {
  const [[object], infos, indexes] = answers.map(({ rows }) => rows) as [Info[], Info[], Info[]];
  if (!object || infos.length === 0) return null;
  const primary = infos.filter(({ pk }) => pk !== 0);
  const isRowId = primary.length === 1 && /^integer$/i.test(String(primary[0]?.type));
  const isView = object.type === 'view';
  return {
    columns: infos.map((info) => columnOf(info, isRowId)),
    keyIsUnique: isView ? null : isUnique(spec, primary, indexes),
    isView,
    remembersKeys: /\bautoincrement\b/i.test(String(object.sql)),
  };
}

type Info = Record<string, unknown>;

function columnOf(info: Info, isRowId: boolean): RealColumn {
  const declared = String(info.type);
  const key = isRowId && info.pk !== 0;
  return {
    name: String(info.name),
    declared,
    affinity: affinityOf(declared),
    nullable: info.notnull === 0 && !key,
    hasDefault: info.dflt_value !== null || key,
    // 2 and 3: generated, virtual and stored.
    generated: Number(info.hidden) > 1,
  };
}

function isUnique({ keys }: TableSpec, primary: readonly Info[], indexes: readonly Info[]): boolean {
  const wanted = keys.map(({ name }) => name).sort();
  const groups = [primary.map(({ name }) => name)];
  for (const list of new Set(indexes.map((row) => row.list)))
    groups.push(indexes.filter((row) => row.list === list).map(({ name }) => name));
  return groups.some((names) => JSON.stringify([...names].sort()) === JSON.stringify(wanted));
}

export function actualTable({ columns, keyIsUnique, isView }: RealTable): ActualTable {
  return {
    columns: columns.map(({ name, declared, nullable, hasDefault, generated }) => ({
      name,
      nativeType: declared.toLowerCase(),
      nullable,
      hasDefault: hasDefault || generated,
    })),
    keyIsUnique,
    readOnly: isView,
  };
}
