import { lastVerify, readBackfill } from '../../state/jobs.ts';
import { countOpen } from '../../state/ledger.ts';
import { readMoments } from '../../state/resources.ts';
import type { Guard, GuardContext, Refusal } from './guard.ts';

export const verifyClean: Guard = {
  name: 'verify-clean',
  title: 'a verify newer than the backfill found both sides equal',
  steps: ['shadow>live', 'merged>new'],
  async check(context) {
    const again = `banyan verify ${context.resource.name}`;
    const run = await lastVerify(context.database, context.resource.name);
    if (!run) return { reason: 'nothing was verified yet', clears: again, eta: null };
    if (run.status === 'running') {
      const seen = run.legacyRows + run.newRows;
      return {
        reason: `a verify is under way (${seen} of ${run.total} rows)`,
        clears: 'it clears by itself',
        eta: null,
      };
    }
    const stale = await tooOld(context, run.startedAt);
    if (stale) return { reason: stale, clears: again, eta: null };
    return await unequal(context, run.unsettled, again);
  },
};

async function tooOld(
  { database, resource, state }: GuardContext,
  startedAt: string,
): Promise<string | null> {
  const filled = await readBackfill(database, resource.name, state.generation);
  const { uncertainAt } = await readMoments(database, resource.name);
  const started = Date.parse(startedAt);
  if (filled?.finishedAt && Date.parse(filled.finishedAt) > started)
    return 'the last verify is older than the backfill';
  if (uncertainAt && Date.parse(uncertainAt) > started)
    return `the last verify is older than an uncertain moment (${uncertainAt})`;
  return null;
}

async function unequal(
  { database, resource }: GuardContext,
  unsettled: number,
  again: string,
): Promise<Refusal | null> {
  const open = await countOpen(database, resource.name);
  const repair = `banyan repair ${resource.name}, then ${again}`;
  if (open > 0) return { reason: `${open} records differ between the sides`, clears: repair, eta: null };
  if (unsettled === 0) return null;
  return {
    reason: `${unsettled} records never came to rest while they were verified`,
    clears: again,
    eta: null,
  };
}
