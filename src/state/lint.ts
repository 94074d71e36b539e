import type { Sql } from '../domain/sql.ts';
import type { Key, ResourceName } from '../domain/words.ts';

/** Values of one field with one thing wrong with them. */
export interface LintFinding {
  field: string;
  severity: 'lost' | 'reformed';
  problem: string;
  count: number;
  /** Some of the records, with the value in words. */
  samples: { key: Key; detail: string }[];
}

/** The round trip of a resource's real rows. */
export interface LintReport {
  resource: ResourceName;
  /** Fingerprint of the mapping that it was made with. */
  mapping: string;
  rows: number;
  /** False: it was stopped before every row was seen. */
  complete: boolean;
  /** Values that cannot come back, and those that come back in another form. */
  lost: number;
  reformed: number;
  findings: LintFinding[];
  startedAt: string;
  finishedAt: string;
}

export async function saveLint(sql: Sql, report: Omit<LintReport, 'finishedAt'>): Promise<void> {
  await sql.query(
    `INSERT INTO banyan.lint (resource, mapping, rows, complete, lost, reformed, findings, started_at)
     VALUES ($1, $2, $3::bigint, $4::boolean, $5::bigint, $6::bigint, $7::jsonb, $8::timestamptz)
     ON CONFLICT (resource) DO UPDATE SET mapping = $2, rows = $3::bigint, complete = $4::boolean, lost = $5::bigint,
       reformed = $6::bigint, findings = $7::jsonb, started_at = $8::timestamptz, finished_at = clock_timestamp()`,
    [
      report.resource,
      report.mapping,
      report.rows,
      report.complete,
      report.lost,
      report.reformed,
      JSON.stringify(report.findings, (_name, value: unknown) =>
        typeof value === 'string' ? holdable(value) : value,
      ),
      report.startedAt,
    ],
  );
}

/** A value may hold what jsonb cannot, and one that was cut may end with half a character. */
function holdable(text: string): string {
  return text.replaceAll('\0', '\ufffd').toWellFormed();
}

/** The last report of a resource; null: it was never made. */
export async function readLint(sql: Sql, resource: ResourceName): Promise<LintReport | null> {
  const { rows } = await sql.query<Record<string, unknown>>(
    `SELECT resource, mapping, rows::text, complete, lost::text, reformed::text, findings::text AS findings,
       to_json(started_at)#>>'{}' AS "startedAt", to_json(finished_at)#>>'{}' AS "finishedAt"
     FROM banyan.lint WHERE resource = $1`,
    [resource],
  );
  const [row] = rows;
  if (!row) return null;
  const { rows: n, lost, reformed, findings, ...rest } = row;
  return {
    ...(rest as Pick<LintReport, 'resource' | 'mapping' | 'complete' | 'startedAt' | 'finishedAt'>),
    rows: Number(n),
    lost: Number(lost),
    reformed: Number(reformed),
    findings: JSON.parse(String(findings)) as LintFinding[],
  };
}
