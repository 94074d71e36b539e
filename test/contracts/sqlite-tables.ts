import type { ColumnSpec } from '../../src/domain/model.ts';
import { COMPOSITE_TABLES, TABLES, type TestColumn, type TestTable } from './tables.ts';

/** SQL that makes the suite's tables in an empty SQLite. What Postgres refuses by type is refused by CHECKs here. */
export function tablesInSqlite(): string {
  return [...TABLES, ...COMPOSITE_TABLES].map(tableInSqlite).join('\n');
}

/** SQL that empties the tables and draws keys from 1 again. */
export function emptyInSqlite(): string {
  const tables = [...TABLES, ...COMPOSITE_TABLES].reverse();
  return [...tables.map(({ spec }) => `DELETE FROM ${spec.name};`), 'DELETE FROM sqlite_sequence;'].join(
    '\n',
  );
}

const RANDOM_UUID = `lower(printf('%s-%s-4%s-8%s-%s', hex(randomblob(4)), hex(randomblob(2)),
  substr(hex(randomblob(2)), 2), substr(hex(randomblob(2)), 2), hex(randomblob(6))))`;

/** Declared types. Decimals are text, because a number of SQLite has at most 15 digits that count. */
const DECLARED: Readonly<Record<ColumnSpec['type'], string>> = {
  text: 'TEXT',
  uuid: 'TEXT',
  objectid: 'TEXT',
  int: 'INTEGER',
  bigint: 'INTEGER',
  decimal: 'TEXT',
  float: 'REAL',
  boolean: 'BOOLEAN',
  timestamp: 'DATETIME',
  date: 'TEXT',
  time: 'TEXT',
  json: 'TEXT',
  bytes: 'BLOB',
  enum: `TEXT`,
};

function tableInSqlite({ spec, columns }: TestTable): string {
  const lines = columns.map((column) =>
    columnInSqlite(column, spec.keys.length === 1 && column.name === spec.key),
  );
  const composite =
    spec.keys.length > 1 ? [`PRIMARY KEY (${spec.keys.map(({ name }) => name).join(', ')})`] : [];
  return `CREATE TABLE ${spec.name} (${[...lines, ...composite].join(', ')});`;
}

function columnInSqlite(column: TestColumn, isKey: boolean): string {
  const { name, type, list, nullable, unique, preset, refers } = column;
  const parts = [`"${name}" ${list ? 'TEXT' : DECLARED[type]}`];
  if (isKey) parts.push(type === 'int' ? 'PRIMARY KEY AUTOINCREMENT' : 'PRIMARY KEY');
  if (!nullable && !(isKey && type === 'int')) parts.push('NOT NULL');
  if (unique) parts.push('UNIQUE');
  if (preset !== undefined)
    parts.push(`DEFAULT ${typeof preset === 'string' ? `'${preset}'` : String(preset)}`);
  if (isKey && column.postgres.includes('gen_random_uuid')) parts.push(`DEFAULT (${RANDOM_UUID})`);
  if (refers) parts.push(`REFERENCES ${refers}`);
  if (type === 'enum') parts.push(`CHECK ("${name}" IN ('red', 'green', 'dark blue'))`);
  return parts.join(' ');
}
