import type { Estimate } from '../domain/query.ts';
import type { Sql } from '../domain/sql.ts';
import { isExactNumber, numberText, type Value } from '../domain/values.ts';

/** Cost, in the planner's units, up to which counting takes a few milliseconds: a guess would save nothing. */
const CHEAP = 1_000;

/** About how many rows a SELECT has, as the planner thinks; counted where that is as fast. */
export async function estimateRows(
  sql: Sql,
  select: string,
  parameters: readonly unknown[],
): Promise<Estimate> {
  const { rows } = await sql.query<{ 'QUERY PLAN': Value }>(`EXPLAIN (FORMAT JSON) ${select}`, parameters);
  const plan = planOf(rows[0]?.['QUERY PLAN']);
  if (plan && plan.cost > CHEAP) return { count: plan.rows, exact: false };
  const counted = await sql.query<{ count: Value }>(
    `SELECT count(*) AS count FROM (${select}) AS counted`,
    parameters,
  );
  return { count: numberIn(counted.rows[0]?.count ?? 0), exact: true };
}

function planOf(answer: Value | undefined): { rows: number; cost: number } | null {
  const [first] = Array.isArray(answer) ? answer : [];
  const plan = (first as { Plan?: Record<string, Value> } | undefined)?.Plan;
  return plan ? { rows: numberIn(plan['Plan Rows'] ?? 0), cost: numberIn(plan['Total Cost'] ?? 0) } : null;
}

function numberIn(value: Value): number {
  return Number(isExactNumber(value) ? numberText(value) : value);
}
