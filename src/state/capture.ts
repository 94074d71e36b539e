import type { Sql } from '../domain/sql.ts';
import { shareGate } from './gate.ts';
import { quoteIdentifier, quoteLiteral } from './quoting.ts';

/** A table of the new side whose writes leave marks. */
export interface CapturedTable {
  resource: string;
  /** Table in the default schema of the gateway's account. */
  table: string;
  /** Key columns; of a child table the column with its parent's key, which is what is marked. */
  keys: readonly string[];
  /** Whether its rows are parts of the resource's records, not records by themselves. */
  child?: boolean;
}

const OPERATIONS = [
  { name: 'insert', event: 'INSERT', referencing: 'REFERENCING NEW TABLE AS new_rows' },
  { name: 'update', event: 'UPDATE', referencing: 'REFERENCING NEW TABLE AS new_rows OLD TABLE AS old_rows' },
  { name: 'delete', event: 'DELETE', referencing: 'REFERENCING OLD TABLE AS old_rows' },
  { name: 'truncate', event: 'TRUNCATE', referencing: '' },
] as const;

/**
 * Installs the triggers that mark every write to the new side, whoever makes it (D5), and that refuse a write while
 * another side decides (R9). Needs the owner of the table. Doing it again changes nothing.
 *
 * Statement-level with transition tables: a row-level trigger made bulk inserts six times slower. FOR SHARE, not an
 * advisory lock: it is sound in a REPEATABLE READ transaction of somebody else too (it fails there instead of reading
 * an old stage). A sync or a move of the resource (M2) says so in `banyan.origin` for its transaction and is let through
 * unmarked.
 *
 * In mode `legacy` the new side may be filled by hand; but what answers a client (`banyan.origin` is `client`) was
 * decided under a mode that has ended meanwhile, and would be acknowledged where nobody reads it (R9).
 */
export async function installCapture(sql: Sql, captured: CapturedTable): Promise<void> {
  const functionName = functionOf(captured);
  await sql.query(captureFunction(functionName, captured));
  for (const { name, event, referencing } of OPERATIONS) {
    await sql.query(
      `CREATE OR REPLACE TRIGGER banyan_capture_${name} AFTER ${event} ON ${quoteIdentifier(captured.table)}
       ${referencing} FOR EACH STATEMENT EXECUTE FUNCTION ${functionName}()`,
    );
  }
}

function functionOf({ resource, table, child }: CapturedTable): string {
  return `banyan.${quoteIdentifier(`capture_${resource}${child ? `.${table}` : ''}`)}`;
}

function captureFunction(functionName: string, captured: CapturedTable): string {
  return `
CREATE OR REPLACE FUNCTION ${functionName}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $banyan$${captureBody(captured)}$banyan$`;
}

function captureBody({ resource, keys, child = false }: CapturedTable): string {
  const key = keyInSql(keys);
  const name = quoteLiteral(resource);
  const insert = (rows: string) =>
    `INSERT INTO banyan.mark (resource, key, deadline, cause)
       SELECT ${name}, k, '-infinity', 'trigger' FROM (${rows}) AS touched (k);`;
  const bury = (rows: string) =>
    `INSERT INTO banyan.moved (resource, generation, key, deleted)
       SELECT ${name}, here.generation, k, true FROM (${rows}) AS gone (k) ORDER BY k
       ON CONFLICT (resource, generation, key) DO UPDATE SET deleted = true;`;
  return `
DECLARE
  here banyan.resource;
  origin text := coalesce(current_setting('banyan.origin', true), '');
BEGIN
  IF origin IN ('sync:' || ${name}, 'move:' || ${name}) THEN
    RETURN NULL;
  END IF;
  -- R9: the stage cannot move before this transaction ends.
  PERFORM ${shareGate(name)};
  SELECT * INTO here FROM banyan.resource WHERE name = ${name} FOR SHARE;
  IF NOT FOUND OR here.retired OR (here.stage = 'open' AND here.mode = 'legacy' AND origin <> 'client') THEN
    RETURN NULL;
  END IF;
  -- A sync of the parent that cascades to here did the same in legacy, unless this side decides: then it is a write.
  IF origin LIKE 'sync:%' AND here."primary" = 'legacy' THEN
    RETURN NULL;
  END IF;
  IF here.stage <> 'open' OR here."primary" <> 'new' THEN
    RAISE EXCEPTION 'BANYAN: resource % does not take writes on the new side now (mode %, stage %)',
      here.name, here.mode, here.stage USING ERRCODE = 'BN001';
  END IF;
  IF TG_OP = 'INSERT' THEN
    ${insert(`SELECT ${key} FROM new_rows`)}
  ELSIF TG_OP = 'UPDATE' THEN
    ${insert(`SELECT ${key} FROM new_rows UNION SELECT ${key} FROM old_rows`)}
  ELSIF TG_OP = 'DELETE' THEN
    ${insert(`SELECT ${key} FROM old_rows`)}
  ELSE
    RAISE EXCEPTION 'BANYAN: TRUNCATE of % cannot be mirrored; use DELETE', TG_TABLE_NAME USING ERRCODE = 'BN002';
  END IF;
  -- M2: what new has deleted stays hidden in legacy; what is there again hides its twin by itself. In live too: the mark
  -- of a delete may rest from there on, until a way back over merged.
  IF TG_OP = 'DELETE' THEN
    ${child ? 'NULL;' : bury(`SELECT ${key} FROM old_rows`)}
  ELSE
    IF TG_OP = 'UPDATE' THEN
      ${child ? 'NULL;' : bury(`SELECT ${key} FROM old_rows EXCEPT SELECT ${key} FROM new_rows`)}
    END IF;
    UPDATE banyan.moved SET deleted = false
      WHERE resource = ${name} AND generation = here.generation AND deleted
        AND key IN (SELECT ${key} FROM new_rows);
  END IF;
  RETURN NULL;
END `;
}

/** The key's text as `joinKey` makes it; an UPDATE that changes a part of it so marks the old key and the new one. */
function keyInSql(columns: readonly string[]): string {
  const texts = columns.map((column) => `${quoteIdentifier(column)}::text`);
  const escaped = texts.map((text) => `replace(replace(${text}, '%', '%25'), '~', '%7E')`);
  return texts.length === 1 ? (texts[0] as string) : escaped.join(" || '~' || ");
}

/** Names of the capture triggers that a table lacks; empty when all are there, enabled and as they are made today. */
export async function missingCapture(sql: Sql, captured: CapturedTable): Promise<string[]> {
  const { rows } = await sql.query<{ tgname: string }>(
    `SELECT tgname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
     WHERE tgrelid = to_regclass($1) AND tgenabled IN ('O', 'A') AND NOT tgisinternal
       AND tgfoid = to_regproc($2) AND prosrc = $3`,
    [quoteIdentifier(captured.table), functionOf(captured), captureBody(captured)],
  );
  const present = new Set(rows.map((row) => row.tgname));
  return OPERATIONS.map(({ name }) => `banyan_capture_${name}`).filter((name) => !present.has(name));
}

/** R21, "finalise": from here on nothing is marked, and there is no way back without a copy of everything. */
export async function removeCapture(sql: Sql, captured: CapturedTable): Promise<void> {
  for (const { name } of OPERATIONS) {
    await sql.query(`DROP TRIGGER IF EXISTS banyan_capture_${name} ON ${quoteIdentifier(captured.table)}`);
  }
  await sql.query(`DROP FUNCTION IF EXISTS ${functionOf(captured)}()`);
}
