import { setTimeout as sleep } from 'node:timers/promises';
import { BanyanError } from '../../domain/errors.ts';
import { MODES } from '../../domain/modes.ts';
import type { ResourceState } from '../../domain/words.ts';
import type { BackfillOptions } from '../../replication/backfill.ts';
import { fill } from '../../replication/fill.ts';
import { writeAudit } from '../../state/audit.ts';
import { countFailures, listFailures } from '../../state/failures.ts';
import { readBackfill, type BackfillProgress } from '../../state/jobs.ts';
import type { CommandModule, Result } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { ago, counted } from '../format.ts';
import { Pace, startProgress, type Progress } from '../progress.ts';
import { Session } from '../session.ts';

/** How often the job of another process is looked at; ms. */
const LOOK = 200;
const LISTED = 20;

export const run: CommandModule['run'] = async (invocation, [name = ''], options) =>
  await Session.with(invocation, async (session) => {
    const state = await session.state(name);
    refuseUnkept(state);
    const again = options.again === true;
    await session.workOff();
    await writeAudit(session.database, {
      actor: invocation.actor,
      action: 'backfill-started',
      resource: name,
      details: { again },
    });
    const progress = await startProgress(invocation.terminal, `backfill of ${name}`);
    try {
      const { done, by } = await copy(session, state, again, progress);
      return await report(session, done, by, progress);
    } catch (error) {
      progress.fail();
      throw error;
    }
  });

function refuseUnkept({ resource, mode, primary }: ResourceState): void {
  if (MODES[mode].backfill !== null) return;
  const message =
    primary === 'new'
      ? `${resource} is led by the new side (mode ${mode}); a backfill would write over it`
      : `${resource} is in mode ${mode}, where nothing keeps what a backfill copies; first "banyan switch ${resource} dual-write"`;
  throw new BanyanError('switch-refused', message);
}

type Done = { done: BackfillProgress; by: 'this process' | 'another process' | 'before' };

/** Does the job, or looks on while another process does it. */
async function copy(
  session: Session,
  { resource: name, generation, mode }: ResourceState,
  again: boolean,
  progress: Progress,
): Promise<Done> {
  const resource = session.resource(name);
  const syncer = session.syncer(name);
  const syncParents: BackfillOptions['syncParents'] = async (records) => await syncer.syncParents(records);
  let pace = new Pace();
  const onProgress = (now: BackfillProgress) => progress.show(pace.measure(now.visited, now.total));
  for (let looks = 0; ; looks += 1) {
    const done = await fill(resource, mode, { generation, again, syncParents, onProgress });
    if (done) return { done, by: 'this process' };
    const others = await readBackfill(session.database, name, generation);
    if (others?.status === 'done' && !again)
      return { done: others, by: looks === 0 ? 'before' : 'another process' };
    if (looks === 0) pace = new Pace();
    if (others) onProgress(others);
    await sleep(LOOK);
  }
}

async function report(
  session: Session,
  done: BackfillProgress,
  by: Done['by'],
  progress: Progress,
): Promise<Result> {
  const { resource, generation, visited, total } = done;
  const { backingOff, dead } = await countFailures(session.database, resource);
  const refused = backingOff + dead;
  const first = await listFailures(session.database, resource, { limit: LISTED });
  const ways = {
    before: `complete already${done.finishedAt ? `, ${ago(done.finishedAt)}` : ''}; --again copies everything anew`,
    'another process': `complete, ${counted(visited, 'record')}, by another process`,
    'this process': `complete, ${counted(visited, 'record')}`,
  };
  progress.end(ways[by]);
  const text = refused === 0 ? [] : [`${counted(refused, 'record')} refused by the new side:`];
  text.push(...first.map(({ key, code, reason }) => `  ${key}: ${code}: ${reason}`));
  const document = { resource, generation, visited, total, by, refused: { backingOff, dead, first } };
  return { exit: refused === 0 ? EXIT.done : EXIT.differences, document, text };
}
