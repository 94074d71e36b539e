import type { OperationMode, OperationSettings } from '../domain/configuration.ts';
import { operationName, sidesNumber } from '../domain/operations.ts';
import type { Database } from '../domain/sql.ts';
import { readComparisons, type Comparisons } from '../state/comparisons.ts';
import { countOpen, openDifferences, type LedgerEntry } from '../state/ledger.ts';

/** An operation with a mode of its own: which side answers, and what comparing both has brought. */
export interface OperationStatus {
  operation: string;
  mode: OperationMode;
  /** Since what runs on either side was last changed. */
  comparisons: Comparisons;
  /** Requests that the ledger holds because the sides answered them differently. */
  differences: { open: number; first: LedgerEntry[] };
}

/** How many differing requests are listed. */
const LISTED = 20;

export async function readOperationStatus(
  database: Database,
  operations: readonly OperationSettings[],
): Promise<OperationStatus[]> {
  const own = operations.flatMap((settings) =>
    settings.mode === null ? [] : [{ settings, mode: settings.mode }],
  );
  return await Promise.all(
    own.map(async ({ settings, mode }) => {
      const resource = operationName(settings);
      const of = { resource, generation: sidesNumber(settings), mode: 'shadow' as const };
      return {
        operation: settings.name,
        mode,
        comparisons: await readComparisons(database, of),
        differences: {
          open: await countOpen(database, resource),
          first: await openDifferences(database, resource, LISTED),
        },
      };
    }),
  );
}
