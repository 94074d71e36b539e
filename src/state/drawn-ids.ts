import type { Sql } from '../domain/sql.ts';

/** Integers for new records of a table whose ids are integers elsewhere. Some may stay unused; none comes twice. */
export async function drawIds(sql: Sql, table: string, count: number): Promise<string[]> {
  const { rows } = await sql.query<{ last: string }>(
    `INSERT INTO banyan.drawn_id AS d (name, last) VALUES ($1, $2::bigint)
     ON CONFLICT (name) DO UPDATE SET last = d.last + $2::bigint RETURNING last::text AS last`,
    [table, count],
  );
  const last = BigInt(rows[0]?.last ?? count);
  return Array.from({ length: count }, (_, index) => String(last - BigInt(count - 1 - index)));
}

/** From now on only integers beyond this one are drawn. */
export async function raiseIds(sql: Sql, table: string, past: string): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.drawn_id AS d (name, last) VALUES ($1, $2::bigint)
     ON CONFLICT (name) DO UPDATE SET last = greatest(d.last, $2::bigint)`,
    [table, past],
  );
}
