import type { Guard, GuardContext, Refusal } from './guard.ts';
import { backfillComplete } from './backfill-complete.ts';
import { deadLetters } from './dead-letters.ts';
import { legacyTakesKeys } from './legacy-takes-keys.ts';
import { legacyWritable } from './legacy-writable.ts';
import { mappingMatches } from './mapping-matches.ts';
import { marksAge } from './marks-age.ts';
import { newSideEmpty } from './new-side-empty.ts';
import { notRetired } from './not-retired.ts';
import { parentsMoved } from './parents-moved.ts';
import { roundTripProved } from './round-trip.ts';
import { sequencesReady } from './sequences-ready.ts';
import { shadowReads } from './shadow-reads.ts';
import { sortsAgree } from './sorts-agree.ts';
import { storesReachable } from './stores-reachable.ts';
import { twinsKnown } from './twins-known.ts';
import { verifyClean } from './verify-clean.ts';

/** All guards, in the order in which they are asked and shown. */
export const GUARDS: readonly Guard[] = [
  storesReachable,
  mappingMatches,
  sortsAgree,
  roundTripProved,
  notRetired,
  parentsMoved,
  newSideEmpty,
  twinsKnown,
  backfillComplete,
  verifyClean,
  shadowReads,
  marksAge,
  deadLetters,
  sequencesReady,
  legacyWritable,
  legacyTakesKeys,
];

export interface GuardAnswer {
  guard: string;
  title: string;
  refusal: Refusal | null;
}

/** Asks every guard of a step. A guard that cannot look refuses, with the reason. */
export async function askGuards(context: GuardContext): Promise<GuardAnswer[]> {
  const step = `${context.step.from}>${context.step.to}` as const;
  const needed = GUARDS.filter((guard) => guard.steps.includes(step));
  const answers: GuardAnswer[] = [];
  for (const guard of needed) {
    const refusal = await guard.check(context).catch((error: unknown) => ({
      reason: `it could not be checked: ${(error as Error).message}`,
      clears: 'see the error; ask again',
      eta: null,
    }));
    answers.push({ guard: guard.name, title: guard.title, refusal });
  }
  return answers;
}

export type { GuardContext, Refusal } from './guard.ts';
