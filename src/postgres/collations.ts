import type { Sql } from '../domain/sql.ts';
import { arrayLiteral } from './arrays.ts';
import { quote } from './quoting.ts';

/** Shows the collation of a database as a configuration names it; for every version of Postgres, in its SQL editor. */
export const SHOW_COLLATION =
  `SELECT CASE j->>'datlocprovider' WHEN 'i' THEN replace(split_part(coalesce(j->>'datlocale', j->>'daticulocale'), '.', 1), '_', '-') || '-x-icu'` +
  ` ELSE coalesce(j->>'datlocale', j->>'datcollate') END AS collation` +
  ` FROM pg_database d, to_jsonb(d) j WHERE datname = current_database()`;

/** `en_US.UTF-8`, `en_US.utf8`: machines spell the locales of their libc in both ways. */
const spelt = (locale: string) => String.raw`lower(regexp_replace(${locale}, '\.utf-?8$', '.utf8', 'i'))`;

/**
 * The collations of this database with what makes their order. Names of columns differ between versions of Postgres, so
 * rows are looked into as JSON. The database's own collation is among them, under the name `default`.
 */
const FIND = `
WITH known AS (
  SELECT c.collname::text AS name, c.collisdeterministic AS total,
         CASE WHEN own THEN coalesce(dj->>'datlocprovider', 'c') ELSE c.collprovider::text END AS provider,
         CASE WHEN own THEN coalesce(dj->>'datlocale', dj->>'daticulocale', dj->>'datcollate')
              ELSE coalesce(cj->>'colllocale', cj->>'colliculocale', cj->>'collcollate') END AS locale,
         coalesce(CASE WHEN own THEN dj->>'daticurules' ELSE cj->>'collicurules' END, '') AS rules
    FROM pg_collation c, pg_database d, to_jsonb(c) cj, to_jsonb(d) dj, LATERAL (SELECT c.collprovider = 'd') o(own)
   WHERE d.datname = current_database() AND c.collencoding IN (-1, d.encoding) AND pg_collation_is_visible(c.oid)),
alike AS (
  SELECT *, CASE provider WHEN 'c' THEN ${spelt('locale')} ELSE lower(locale) END AS place FROM known)
SELECT other.name
  FROM alike asked JOIN alike other USING (provider, place, rules, total)
 WHERE total
   AND (asked.name = $1 OR (provider = 'c' AND place = ${spelt('$1::text')})
        OR (provider = 'i' AND rules = '' AND place = lower($1)))
 ORDER BY other.name = 'default' DESC, other.name = $1 DESC, other.name
 LIMIT 1`;

/**
 * The name under which this Postgres knows a collation: `default` where it is the database's own, so that its indexes
 * serve it. Null where it has none such that tells all texts apart.
 */
export async function findCollation(sql: Sql, asked: string): Promise<string | null> {
  const { rows } = await sql.query<{ name: string }>(FIND, [asked]);
  return rows[0]?.name ?? null;
}

/** The places of different texts in the order of a collation, from 0. */
export async function ranksOf(
  sql: Sql,
  collation: string,
  texts: Iterable<string>,
): Promise<Map<string, number>> {
  const text = `SELECT v FROM unnest($1::text[]) AS v ORDER BY v COLLATE ${quote(collation)}`;
  const { rows } = await sql.query<{ v: string }>(text, [arrayLiteral([...texts])]);
  return new Map(rows.map(({ v }, rank) => [v, rank]));
}
