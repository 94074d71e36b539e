/**
 * The one thing that the state, the sync and the new store share: statements on the new Postgres, which is the control
 * database too. A pool, a client and a transaction all are one. Parameters are text or null and are cast in the SQL.
 */
export interface Sql {
  query<R = Record<string, unknown>>(
    text: string,
    parameters?: readonly unknown[],
  ): Promise<{ rows: R[]; rowCount: number }>;
}

/** A source of statements that can also run several as one READ COMMITTED transaction. */
export interface Database extends Sql {
  /** Commits when `work` resolves, rolls back when it rejects. */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
}
