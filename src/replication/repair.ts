import { setTimeout as sleep } from 'node:timers/promises';
import type { Key } from '../domain/words.ts';
import { resetComparisons } from '../state/comparisons.ts';
import { markedKeys, markForRepair } from '../state/journal.ts';
import { openDifferences, settle } from '../state/ledger.ts';
import { partialGeneration } from '../state/moved.ts';
import { compareSides } from './compare.ts';
import { moveKeys } from './move.ts';
import type { BoundResource } from './resource.ts';

export interface RepairResult {
  /** Differences that were equal again after the sync. */
  repaired: Key[];
  /** Still different, or not synced in time; "banyan status" has the reasons. */
  left: Key[];
}

const BATCH = 500;

/**
 * Marks the keys of the ledger's open differences, or moves them; the sync brings them to the primary's state like any other mark.
 * `work` is called while marks are left, for a process that has to do the syncs itself. `patience` in ms.
 */
export async function repair(
  resource: BoundResource,
  { work, patience }: { work: (keys: readonly Key[]) => Promise<void>; patience: number },
): Promise<RepairResult> {
  const { database, name } = resource;
  const result: RepairResult = { repaired: [], left: [] };
  const seen = new Set<Key>();
  for (;;) {
    const open = await openDifferences(database, name, BATCH + seen.size);
    const keys = open.map((entry) => entry.key).filter((key) => !seen.has(key));
    if (keys.length === 0) {
      // What differed is explained; reads are counted anew.
      if (result.left.length === 0) await resetComparisons(database, name);
      return result;
    }
    for (const key of keys) seen.add(key);
    const until = performance.now() + patience;
    await mend(resource, keys, work, until);
    const equal = await equalAtRest(resource, keys, until);
    await settle(database, name, { keys: [...equal] }, 'repair');
    result.repaired.push(...equal);
    result.left.push(...keys.filter((key) => !equal.has(key)));
  }
}

async function mend(
  resource: BoundResource,
  keys: readonly Key[],
  work: (keys: readonly Key[]) => Promise<void>,
  until: number,
): Promise<void> {
  const { database, name } = resource;
  const generation = await partialGeneration(database, name);
  if (generation === null) {
    await markForRepair(database, name, keys);
    return await synced(resource, keys, work, until);
  }
  // Both sides hold records of their own: what new lacks is moved; what it has wins, and the way back takes it along (M7).
  const there = await resource.new.get(keys);
  await moveKeys(
    resource,
    keys.filter((key) => !there.has(key)),
    generation,
  );
  await markForRepair(database, name, [...there.keys()]);
}

async function synced(
  { database, name }: BoundResource,
  keys: readonly Key[],
  work: (keys: readonly Key[]) => Promise<void>,
  until: number,
): Promise<void> {
  for (;;) {
    const left = [...(await markedKeys(database, name, keys))];
    if (left.length === 0 || performance.now() > until) return;
    await work(left);
    await sleep(50);
  }
}

/** Those of the keys that are equal; one in motion (a write, or a sync that came once more: R30) is looked at again. */
async function equalAtRest(resource: BoundResource, keys: readonly Key[], until: number): Promise<Set<Key>> {
  const equal = new Set<Key>();
  for (let left = keys; ; await sleep(50)) {
    const verdicts = await compareSides(resource, left);
    for (const key of left) if (verdicts.get(key) === 'equal') equal.add(key);
    left = left.filter((key) => verdicts.get(key) === 'in-motion');
    if (left.length === 0 || performance.now() > until) return equal;
  }
}
