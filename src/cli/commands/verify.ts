import { setTimeout as sleep } from 'node:timers/promises';
import { MODES } from '../../domain/modes.ts';
import type { ResourceState } from '../../domain/words.ts';
import { verify } from '../../replication/verify.ts';
import { lastVerify, type VerifyRun } from '../../state/jobs.ts';
import { countByField, countOpen } from '../../state/ledger.ts';
import type { CommandModule, Result } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { count, counted } from '../format.ts';
import { Pace, startProgress, type Progress } from '../progress.ts';
import { Session } from '../session.ts';

/** How often the run of another process is looked at; ms. */
const LOOK = 200;

export const run: CommandModule['run'] = async (invocation, [name = '']) =>
  await Session.with(invocation, async (session) => {
    const state = await session.state(name);
    const progress = await startProgress(invocation.terminal, `verify of ${name}`);
    try {
      const done = await compare(session, state, progress);
      return await report(session, state, done, progress);
    } catch (error) {
      progress.fail();
      throw error;
    }
  });

/** Runs it, or looks on while another process does. */
async function compare(
  session: Session,
  { resource: name, generation }: ResourceState,
  progress: Progress,
): Promise<VerifyRun> {
  const resource = session.resource(name);
  const pace = new Pace();
  const onProgress = (seen: VerifyRun) =>
    progress.show(pace.measure(seen.legacyRows + seen.newRows, seen.total));
  let followed: string | null = null;
  for (;;) {
    const last: VerifyRun | null = followed === null ? null : await lastVerify(session.database, name);
    if (last?.id === followed && last?.status === 'done') return last;
    const done = await verify(resource, { generation, onProgress });
    if (done) return done;
    const others = await lastVerify(session.database, name);
    if (others?.status === 'running') {
      followed = others.id;
      onProgress(others);
    }
    await sleep(LOOK);
  }
}

async function report(
  session: Session,
  { mode }: ResourceState,
  done: VerifyRun,
  progress: Progress,
): Promise<Result> {
  const { resource, unsettled, legacyRows, newRows } = done;
  const open = await countOpen(session.database, resource);
  const byField = await countByField(session.database, resource);
  const equal = open === 0 && unsettled === 0;
  progress.end(
    `${count(legacyRows)} in legacy, ${count(newRows)} in new; ${equal ? 'both sides are equal' : counted(open, 'record') + ' differ'}`,
  );
  const text = Object.entries(byField).map(([what, n]) => `  ${what}: ${counted(n, 'record')}`);
  if (unsettled > 0) text.push(`  ${counted(unsettled, 'record')} never came to rest; verify again`);
  if (open > 0)
    text.push(`"banyan repair ${resource}" syncs them; "banyan status ${resource} --json" lists them.`);
  if (open > 0 && (!MODES[mode].marks || !MODES[mode].syncs))
    text.push(`In mode ${mode} the other side is not kept in sync: differences are no surprise.`);
  const document = {
    run: done.id,
    resource,
    mode,
    legacyRows,
    newRows,
    differences: { open, byField },
    unsettled,
  };
  return { exit: equal ? EXIT.done : EXIT.differences, document, text };
}
