import type { BanyanError } from '../../../domain/errors.ts';
import { canonicalTimestamp } from '../../../domain/values.ts';
import type { Affinity } from './catalog.ts';

/** How a store's timestamps are kept: as text in columns of any affinity but INTEGER, else counted from 1970. */
export interface MomentForms {
  text: 'iso' | 'space';
  integer: 'seconds' | 'milliseconds';
}

const MICROS = { seconds: 1_000_000n, milliseconds: 1_000n } as const;

/** A canonical timestamp as the column keeps it. */
export function toMoment(
  timestamp: string,
  affinity: Affinity,
  forms: MomentForms,
  refuse: (reason: string) => BanyanError,
): string | bigint {
  const canonical = canonicalTimestamp(timestamp);
  if (canonical === null || !canonical.endsWith('Z'))
    throw refuse(`is ${timestamp}, which SQLite has no form for`);
  if (affinity !== 'INTEGER') return forms.text === 'iso' ? canonical : spaced(canonical);
  const micros = microsOf(canonical);
  const unit = MICROS[forms.integer];
  if (micros % unit === 0n) return micros / unit;
  throw refuse(`is ${canonical}, finer than the ${forms.integer} that the column counts`);
}

/** As SQLite's own functions write it, e.g. `2026-01-02 03:04:05`, with the fraction where there is one. */
function spaced(canonical: string): string {
  return canonical.replace('T', ' ').replace(/(\.000)?Z$/, '');
}

function microsOf(canonical: string): bigint {
  const fraction = canonical.slice(20, -1).padEnd(6, '0');
  return BigInt(Date.parse(`${canonical.slice(0, 19)}Z`)) * 1_000n + BigInt(fraction);
}

/** The canonical timestamp of a count, or null where it is none. */
export function fromEpoch(count: number | bigint, forms: MomentForms): string | null {
  if (typeof count === 'number' && !Number.isInteger(count)) return null;
  const milliseconds = Number((BigInt(count) * MICROS[forms.integer]) / 1_000n);
  const moment = new Date(milliseconds);
  return Number.isNaN(moment.getTime()) ? null : canonicalTimestamp(moment.toISOString());
}
