import type { Sql } from '../../domain/sql.ts';
import type { StatementTiming } from '../../postgres/database.ts';

interface Settings {
  /** Milliseconds. */
  above: number;
  plan: boolean;
}

/** Tells of a slow statement: its text, its time and, where asked for, its plan as lines. */
type Report = (message: string, details: Record<string, unknown>) => void;

const EXPLAINABLE = /^\s*(select|insert|update|delete|with)\b/i;

/**
 * Reports statements that take longer than `above`. The text is reported without its parameters' values; the plan is
 * that of an EXPLAIN (nothing is executed) with the same parameters, run apart from the request and never two at once,
 * so that a slow database is not asked for more. It cannot fail or delay the request.
 */
export class SlowQueries {
  readonly #settings: Settings;
  readonly #report: Report;
  #explaining = false;

  constructor(settings: Settings, report: Report) {
    this.#settings = settings;
    this.#report = report;
  }

  /** To be called with every statement; `explainer` runs the EXPLAIN. */
  observe(statement: StatementTiming, explainer: Sql): void {
    if (statement.milliseconds <= this.#settings.above) return;
    const details = { sql: statement.text.trim(), milliseconds: Math.round(statement.milliseconds) };
    const wanted = this.#settings.plan && EXPLAINABLE.test(statement.text);
    if (!wanted || this.#explaining) return this.#tell(details);
    this.#explaining = true;
    void this.#explain(statement, explainer).then((plan) => {
      this.#explaining = false;
      this.#tell({ ...details, plan });
    });
  }

  #tell(details: { sql: string; milliseconds: number; plan?: string[] }): void {
    this.#report(`a statement took ${details.milliseconds} ms`, details);
  }

  async #explain({ text, parameters }: StatementTiming, explainer: Sql): Promise<string[]> {
    try {
      const { rows } = await explainer.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, parameters);
      return rows.map((row) => withoutValues(row['QUERY PLAN']));
    } catch (error) {
      return [`no plan: ${error instanceof Error ? error.message : String(error)}`];
    }
  }
}

/** A plan repeats parameters in its conditions; they may be personal data and do not belong in a log. */
function withoutValues(line: string): string {
  if (!/^\s*[\w ]*(Cond|Filter|Output|Key): /.test(line)) return line;
  return line.replace(/'(?:[^']|'')*'/g, "'…'").replace(/(?<![\w."$])-?\d+(\.\d+)?(?![\w"])/g, '…');
}
