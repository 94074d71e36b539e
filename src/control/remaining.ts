import type { BackfillProgress } from '../state/jobs.ts';

/** Rows per second since the job began, from exact counts; 0 before the first row. */
export function rateOf(progress: Pick<BackfillProgress, 'visited' | 'startedAt' | 'updatedAt'>): number {
  const seconds = (Date.parse(progress.updatedAt) - Date.parse(progress.startedAt)) / 1_000;
  return seconds > 0 ? progress.visited / seconds : 0;
}

/** Estimated milliseconds that are left, or null where there is no rate yet. */
export function remaining(progress: BackfillProgress): number | null {
  const rate = rateOf(progress);
  return rate > 0 ? (Math.max(0, progress.total - progress.visited) / rate) * 1_000 : null;
}
