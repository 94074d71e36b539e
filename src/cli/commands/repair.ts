import { BanyanError } from '../../domain/errors.ts';
import { MODES } from '../../domain/modes.ts';
import type { ResourceState } from '../../domain/words.ts';
import { repair } from '../../replication/repair.ts';
import { writeAudit } from '../../state/audit.ts';
import { listFailures } from '../../state/failures.ts';
import { countOpen } from '../../state/ledger.ts';
import type { CommandModule } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { counted } from '../format.ts';
import { Session } from '../session.ts';

/** How long a batch of differing records may take to be synced; ms. */
const PATIENCE = 10_000;
const LISTED = 20;

export const run: CommandModule['run'] = async (invocation, [name = '']) =>
  await Session.with(invocation, async (session) => {
    const { database } = session;
    refuseUnsynced(await session.state(name));
    const open = await countOpen(database, name);
    if (open === 0) {
      const document = { resource: name, open, repaired: 0, left: [] };
      return {
        exit: EXIT.done,
        document,
        text: [`No difference of ${name} is known; "banyan verify ${name}" looks for them.`],
      };
    }
    await session.workOff();
    await writeAudit(database, {
      actor: invocation.actor,
      action: 'repair',
      resource: name,
      details: { open },
    });
    const syncer = session.syncer(name);
    // The journal's own order and back-off: a record that is refused is not hammered.
    const work = async () => await Promise.resolve(syncer.sweepSoon());
    const { repaired, left } = await repair(session.resource(name), { work, patience: PATIENCE });
    const reasons = new Map(
      (await listFailures(database, name, { limit: 1_000 })).map(({ key, code, reason }) => [
        key,
        `${code}: ${reason}`,
      ]),
    );
    const stay = left.map((key) => ({ key, reason: reasons.get(key) ?? null }));
    const text = [
      `${counted(repaired.length, 'record')} of ${name} repaired${left.length > 0 ? `, ${counted(left.length, 'record')} still differ` : ''}.`,
    ];
    text.push(
      ...stay
        .slice(0, LISTED)
        .map(
          ({ key, reason }) =>
            `  ${key}: ${reason ?? 'not synced in time, or changed meanwhile; repair again'}`,
        ),
    );
    if (left.length > LISTED) text.push(`  and ${left.length - LISTED} more`);
    const document = { resource: name, open, repaired: repaired.length, left: stay };
    return { exit: left.length === 0 ? EXIT.done : EXIT.differences, document, text };
  });

function refuseUnsynced({ resource, mode, stage }: ResourceState): void {
  if (stage !== 'open')
    throw new BanyanError('switch-refused', `${resource} is being switched; repair it when that is over`);
  if (!MODES[mode].syncs && MODES[mode].backfill !== 'move') {
    throw new BanyanError(
      'switch-refused',
      `${resource} is in mode ${mode}, where syncs rest; "banyan rollback ${resource}" first`,
    );
  }
}
