import { setTimeout as sleep } from 'node:timers/promises';
import { BanyanError } from '../../domain/errors.ts';
import { otherSide, type Key } from '../../domain/words.ts';
import { syncsNow } from '../../domain/modes.ts';
import { writeAudit } from '../../state/audit.ts';
import { countFailures, listFailures, readFailure, reviveDeadLetters } from '../../state/failures.ts';
import { markedKeys, markForRepair } from '../../state/journal.ts';
import type { Session } from '../session.ts';
import type { Result } from '../command.ts';
import type { Letters } from './letters.ts';
import { EXIT } from '../exit-codes.ts';
import { counted } from '../format.ts';
import { keyOfArgument } from './key.ts';

/** How long retried records may take to be synced, or refused again; ms. */
const PATIENCE = 60_000;
const LOOK = 50;
const BATCH = 500;
const LISTED = 20;

/** What came of the retried letters of one resource. */
interface Retried {
  resource: string;
  retried: number;
  synced: number;
  /** Refused again, or not through in time. */
  left: { key: Key; reason: string }[];
}

/** Tries dead letters again: synced, or refused once more with the reason of today. */
export async function retryLetters(letters: Letters): Promise<Result> {
  const { session, invocation, resources, key } = letters;
  await session.workOff();
  const results: Retried[] = [];
  for (const name of resources) {
    const resource = session.resource(name);
    const keys = key === null ? null : [keyOfArgument(resource, key)];
    const retried = await retry(session, name, keys);
    if (retried.retried > 0) {
      const { retried: n, synced } = retried;
      const details = { retried: n, synced };
      await writeAudit(session.database, {
        actor: invocation.actor,
        action: 'dead-letters-retried',
        resource: name,
        details,
      });
    }
    results.push(retried);
  }
  const text = results
    .filter(({ retried, left }) => retried + left.length > 0)
    .flatMap(({ resource, retried, synced, left }) => [
      `${resource}: ${counted(retried, 'dead letter')} tried again, ${counted(synced, 'record')} synced, ${left.length} left`,
      ...left.slice(0, LISTED).map(({ key: refused, reason }) => `  ${refused}: ${reason}`),
      ...(left.length > LISTED ? [`  and ${left.length - LISTED} more`] : []),
    ]);
  if (text.length === 0) text.push('There is no dead letter to be tried again.');
  const left = results.some((result) => result.left.length > 0);
  return { exit: left ? EXIT.differences : EXIT.done, document: { resources: results }, text };
}

async function retry(session: Session, name: string, keys: readonly Key[] | null): Promise<Retried> {
  const { database } = session;
  const state = await session.state(name);
  const { dead } = await countFailures(database, name);
  const result: Retried = { resource: name, retried: 0, synced: 0, left: [] };
  if (dead === 0) return result;
  if (state.stage !== 'open' || !syncsNow(state)) {
    throw new BanyanError(
      'switch-refused',
      `${name} is in mode ${state.mode} (${state.stage}), where syncs rest; nothing can be tried again now`,
    );
  }
  // What the side refused that leads now is its own affair: a sync would go the other way and undo the record.
  const target = otherSide(state.primary);
  const revived = await reviveDeadLetters(database, name, keys, target);
  for (let at = 0; at < revived.length; at += BATCH) {
    const batch = revived.slice(at, at + BATCH);
    await markForRepair(database, name, batch);
    session.syncer(name).wake(batch);
    result.left.push(...(await settled(session, name, batch)));
  }
  result.retried = revived.length;
  result.synced = revived.length - result.left.length;
  if (keys === null) await addOthers(session, name, target, result);
  return result;
}

/** Waits until each key has been synced or refused; those that were not synced, with the reason. */
async function settled(session: Session, name: string, keys: readonly Key[]): Promise<Retried['left']> {
  const { database } = session;
  const until = performance.now() + PATIENCE;
  const left: Retried['left'] = [];
  let open: readonly Key[] = keys;
  while (open.length > 0 && performance.now() < until) {
    await sleep(LOOK);
    const marked = await markedKeys(database, name, open);
    const waiting: Key[] = [];
    for (const key of open) {
      const failure = await readFailure(database, name, key);
      if (failure && failure.attempts > 0) left.push({ key, reason: `${failure.code}: ${failure.reason}` });
      else if (marked.has(key)) waiting.push(key);
    }
    open = waiting;
  }
  return [
    ...left,
    ...open.map((key) => ({ key, reason: 'not synced in time; it is tried again by itself' })),
  ];
}

/** Letters that the side refused which leads now stay as they are; they are told. */
async function addOthers(session: Session, name: string, target: string, result: Retried): Promise<void> {
  const others = await listFailures(session.database, name, { limit: BATCH, dead: true });
  const told = new Set(result.left.map(({ key }) => key));
  for (const { key, target: refusing } of others) {
    if (refusing === target || told.has(key)) continue;
    result.left.push({
      key,
      reason: `${refusing} refused it and leads now; export it, correct it, and create it anew`,
    });
  }
}
