import { MODES, modeBefore, stepBetween, syncsNow } from '../domain/modes.ts';
import { canonicalTimestamp } from '../domain/values.ts';
import type { Database } from '../domain/sql.ts';
import type { Mode, ResourceState } from '../domain/words.ts';
import type { BoundResource } from '../replication/resource.ts';
import { readComparisons, type Comparisons } from '../state/comparisons.ts';
import { countFailures, listFailures, type Failure, type FailureCounts } from '../state/failures.ts';
import { lastVerify, readBackfill, type BackfillProgress, type VerifyRun } from '../state/jobs.ts';
import { backlog, type Backlog } from '../state/journal.ts';
import { countByField, countOpen } from '../state/ledger.ts';
import { readMoments, readSituation } from '../state/resources.ts';
import { lastSwitch, readPauses, type SwitchPause, type SwitchRecord } from '../state/switches.ts';
import type { Wanted } from '../state/wanted.ts';
import { rateOf, remaining } from './remaining.ts';
import { decideStep } from './steps.ts';
import type { Switching } from './switching.ts';

/** Whether the step back could be made now. */
export interface RollbackReadiness {
  /** The mode that a rollback goes to; null at the beginning of the road. */
  to: Mode | null;
  ready: boolean;
  /** What stands in the way, in words. */
  reasons: string[];
  /** Marks that its drain would have to wait for; 0 where the step needs no drain. */
  behind: number;
}

/** Everything that is known of one resource. Times are ISO text in UTC, durations milliseconds. */
export interface ResourceStatus {
  resource: string;
  mode: Mode;
  since: string;
  state: ResourceState;
  /** What was asked for last, or else what the file says. */
  wanted: Pick<Wanted, 'mode' | 'source'> & Partial<Pick<Wanted, 'actor' | 'at'>>;
  /** The mode in this process's file. */
  file: Mode;
  /** Why wanted and actual differ; null: they do not. */
  difference: string | null;
  /** What a switch under way waits for; null: none is, or it waits for nothing. */
  waitsFor: string | null;
  journal: Backlog;
  /** Records that the other side refuses: how many, and the first of them. */
  refused: FailureCounts & { first: Failure[] };
  backfill: (BackfillProgress & { rate: number; remaining: number | null }) | null;
  verify: VerifyRun | null;
  differences: { open: number; byField: Record<string, number> };
  /** Reads compared in this mode since its last entry; null where the mode compares none. */
  comparisons: Comparisons | null;
  rollback: RollbackReadiness;
  lastSwitch: (SwitchRecord & { pauses: SwitchPause[] }) | null;
}

export interface StatusContext {
  database: Database;
  switching: Switching;
  resource: BoundResource;
  state: ResourceState;
  wanted: Wanted | undefined;
}

/** How many refused records are listed. */
const LISTED = 20;

export async function readResourceStatus(context: StatusContext): Promise<ResourceStatus> {
  const { database, resource, state } = context;
  const { name } = resource;
  const { generation, mode } = state;
  const journal = await backlog(database, name);
  const last = await readLastSwitch(database, name);
  const waitsFor = await whatFor(database, state);
  const { wanted, difference } = compareWanted(context, waitsFor, last);
  return {
    resource: name,
    mode,
    since: (await readMoments(database, name)).modeSince,
    state,
    wanted,
    file: resource.settings.mode,
    difference,
    waitsFor,
    journal,
    refused: {
      ...(await countFailures(database, name)),
      first: await listFailures(database, name, { limit: LISTED }),
    },
    backfill: await readProgress(database, name, generation),
    verify: await lastVerify(database, name),
    differences: { open: await countOpen(database, name), byField: await countByField(database, name) },
    comparisons: MODES[mode].compare
      ? await readComparisons(database, { resource: name, generation, mode })
      : null,
    rollback: await readiness(context, journal),
    lastSwitch: last,
  };
}

/** R10–R15, as the coordinator of this very moment would decide. */
async function whatFor(database: Database, state: ResourceState): Promise<string | null> {
  if (state.stage === 'open') return null;
  // It has moved on meanwhile: then it does not wait for what it waited for.
  const situation = await readSituation(database, state, MODES[state.mode].reads).catch(() => null);
  const next = situation && decideStep(state, situation);
  return next?.do === 'wait' ? next.for : null;
}

function compareWanted(
  { resource, state, wanted }: StatusContext,
  waitsFor: string | null,
  last: SwitchRecord | null,
): Pick<ResourceStatus, 'wanted' | 'difference'> {
  const asked = wanted
    ? { mode: wanted.mode, source: wanted.source, actor: wanted.actor, at: utc(wanted.at) }
    : ({ mode: resource.settings.mode, source: 'file' } as const);
  return { wanted: asked, difference: whyDifferent(state, asked.mode, wanted, waitsFor, last) };
}

function whyDifferent(
  state: ResourceState,
  asked: Mode,
  wanted: Wanted | undefined,
  waitsFor: string | null,
  last: SwitchRecord | null,
): string | null {
  if (state.stage !== 'open') {
    const waiting = waitsFor ? `, and waits for ${waitsFor}` : '';
    return `a switch from ${state.previousMode} to ${state.nextMode} is under way (${state.stage})${waiting}`;
  }
  if (asked === state.mode) return null;
  if (!wanted) return 'the file asks for it, and no gateway has taken the file yet';
  if (wanted.refusal) return wanted.refusal;
  if (last?.outcome === 'turned-round') return `the switch to ${last.to} ${last.note ?? 'turned round'}`;
  return 'it was asked for and is not so yet';
}

async function readProgress(
  database: Database,
  name: string,
  generation: number,
): Promise<ResourceStatus['backfill']> {
  const progress = await readBackfill(database, name, generation);
  if (!progress) return null;
  const left = progress.status === 'done' ? 0 : remaining(progress);
  const [startedAt, updatedAt] = [utc(progress.startedAt), utc(progress.updatedAt)];
  const finishedAt = progress.finishedAt && utc(progress.finishedAt);
  return { ...progress, startedAt, updatedAt, finishedAt, rate: rateOf(progress), remaining: left };
}

async function readLastSwitch(database: Database, name: string): Promise<ResourceStatus['lastSwitch']> {
  const record = await lastSwitch(database, name);
  if (!record) return null;
  const openedAt = record.openedAt && utc(record.openedAt);
  return {
    ...record,
    startedAt: utc(record.startedAt),
    openedAt,
    pauses: await readPauses(database, record.id),
  };
}

/** The guards of the step back, legacy itself, and no mark that is older than the allowed lag. */
async function readiness(
  { switching, resource, state }: StatusContext,
  journal: Backlog,
): Promise<RollbackReadiness> {
  const to = modeBefore(state.mode, (await lastSwitch(resource.database, resource.name))?.from);
  const step = to && stepBetween(state.mode, to);
  if (!step) return { to, ready: false, reasons: ['it is where the road begins'], behind: 0 };
  const { answers } = (await switching.ask(resource.name, step.to)) ?? { answers: [] };
  const reasons = answers.flatMap(({ guard, refusal }) => (refusal ? [`${guard}: ${refusal.reason}`] : []));
  if (!answers.some(({ guard }) => guard === 'stores-reachable')) {
    await resource.legacy.store
      .ping()
      .catch((error: unknown) => reasons.push(`legacy: ${(error as Error).message}`));
  }
  // Only a step that changes the primary drains the journal.
  const behind = step.kind === 'flip' ? journal.marks : 0;
  const { lag } = resource.settings.guards;
  if (syncsNow(state) && behind > 0 && (journal.oldest ?? 0) > lag) {
    reasons.push(
      `${behind} marks are left, the oldest for ${Math.round(journal.oldest ?? 0)} ms (allowed ${lag} ms)`,
    );
  }
  if (state.stage !== 'open') reasons.push('a switch is under way');
  return { to, ready: reasons.length === 0, reasons, behind };
}

/** The database's text of a moment as ISO text. */
function utc(moment: string): string {
  return canonicalTimestamp(moment) ?? moment;
}
