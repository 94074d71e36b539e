import { MODES, type ModeRow } from '../domain/modes.ts';
import type { Mode } from '../domain/words.ts';
import type { BackfillProgress } from '../state/jobs.ts';
import { backfill, type BackfillOptions } from './backfill.ts';
import { moveAll } from './mover.ts';
import type { BoundResource } from './resource.ts';

type Fill = (resource: BoundResource, options: BackfillOptions) => Promise<BackfillProgress | null>;

const KINDS: Readonly<Record<NonNullable<ModeRow['backfill']>, Fill>> = { copy: backfill, move: moveAll };

/** The backfill of a mode; null when another process has it, or the mode has none. */
export async function fill(
  resource: BoundResource,
  mode: Mode,
  options: BackfillOptions,
): Promise<BackfillProgress | null> {
  const kind = MODES[mode].backfill;
  return kind && (await KINDS[kind](resource, options));
}
