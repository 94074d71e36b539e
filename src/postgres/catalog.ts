import { BanyanError } from '../domain/errors.ts';
import type { Sql } from '../domain/sql.ts';
import type { ColumnSpec, KeyPart } from '../domain/model.ts';
import { arrayLiteral } from './arrays.ts';
import { quoteTable } from './quoting.ts';

/** A table as the statements know it. */
export interface KnownTable {
  name: string;
  keys: readonly KeyPart[];
  columns: readonly ColumnSpec[];
}

/** A table as it is. */
export interface FoundTable {
  columns: { name: string; nativeType: string; nullable: boolean; hasDefault: boolean }[];
  /** Null for a view, of which nothing is known to be unique. */
  keyIsUnique: boolean | null;
  /** Whether it is a view. */
  readOnly: boolean;
}

const DESCRIBE = `
SELECT a.attname::text AS name,
       format_type(a.atttypid, a.atttypmod) AS native_type,
       format_type(a.atttypid, -1) AS cast_type,
       NOT a.attnotnull AS nullable,
       a.atthasdef OR a.attidentity <> '' AS has_default,
       a.attgenerated <> '' AS generated,
       (SELECT c.relkind IN ('v', 'm') FROM pg_class c WHERE c.oid = a.attrelid) AS of_view,
       EXISTS (
         SELECT FROM pg_index i
          WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indimmediate
            AND i.indpred IS NULL AND i.indnkeyatts = cardinality($2::text[])
            AND i.indnkeyatts = (
              SELECT count(*) FROM pg_attribute k
               WHERE k.attrelid = i.indrelid AND k.attname::text = ANY ($2::text[])
                 AND k.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
       ) AS unique_key
  FROM pg_attribute a
 WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum`;

interface DescribedColumn {
  name: string;
  native_type: string;
  cast_type: string;
  nullable: boolean;
  has_default: boolean;
  generated: boolean;
  of_view: boolean;
  unique_key: boolean;
}

/** The real table as Postgres' catalog has it, or null where there is none. */
export async function describeTable(sql: Sql, spec: KnownTable): Promise<FoundTable | null> {
  const columns = await readColumns(sql, spec);
  if (columns.length === 0) return null;
  const readOnly = columns.some((column) => column.of_view);
  return {
    columns: columns.map((column) => ({
      name: column.name,
      nativeType: column.native_type,
      nullable: column.nullable,
      hasDefault: column.has_default,
    })),
    keyIsUnique: readOnly ? null : columns.some((column) => column.unique_key),
    readOnly,
  };
}

/**
 * A column that rows are written to in bulk. Text is cast to the type without its length: a cast to varchar(20) would
 * cut silently, while the assignment to the column refuses what is too long.
 */
export interface WritableColumn {
  name: string;
  castType: string;
  /** Digits after the point that it keeps, of a number or of a second; Postgres rounds what has more. Null: all. */
  fraction: number | null;
}

/** The columns of `spec` with the types to cast to; those that the database generates are left out. */
export async function writableColumns(sql: Sql, spec: KnownTable): Promise<WritableColumn[]> {
  const actual = new Map((await readColumns(sql, spec)).map((column) => [column.name, column]));
  if (actual.size === 0) throw new BanyanError('store-answer', `there is no table "${spec.name}"`);
  return spec.columns.flatMap(({ name }) => {
    const column = actual.get(name);
    if (!column) throw new BanyanError('store-answer', `table "${spec.name}" has no column "${name}"`);
    if (column.generated) return [];
    return [{ name, castType: column.cast_type, fraction: fractionOf(column.native_type) }];
  });
}

/** Of `numeric(12,2)` or `timestamp(3) with time zone`; six digits of a second are all that there are. */
function fractionOf(nativeType: string): number | null {
  const digits = /^(?:numeric\(\d+,(\d+)|time(?:stamp)?\(([0-5]))\)/.exec(nativeType);
  return digits ? Number(digits[1] ?? digits[2]) : null;
}

async function readColumns(sql: Sql, spec: KnownTable): Promise<DescribedColumn[]> {
  const keys = arrayLiteral(spec.keys.map(({ name }) => name));
  return (await sql.query<DescribedColumn>(DESCRIBE, [quoteTable(spec.name), keys])).rows;
}

/**
 * D3: moves the sequence behind a key past the highest key, and never back. Does nothing for a key without a sequence.
 * The sequence is the one that the column owns (serial, identity), or else the one that its default draws from.
 */
export function advanceSequenceText(table: string, key: string): string {
  return `
SELECT setval(s.sequence, m.highest)
  FROM (SELECT COALESCE(
          pg_get_serial_sequence($1, $2)::regclass,
          (SELECT c.oid::regclass
             FROM pg_attribute a
             JOIN pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
             JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass
             JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'S'
            WHERE a.attrelid = to_regclass($1) AND a.attname = $2
            LIMIT 1)) AS sequence) s,
       (SELECT greatest(max(${key})::bigint, $3::bigint) AS highest FROM ${table}) m
 WHERE s.sequence IS NOT NULL AND m.highest > COALESCE(pg_sequence_last_value(s.sequence), 0)`;
}
