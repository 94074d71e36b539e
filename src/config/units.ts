const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SIZES: Readonly<Record<string, number>> = { b: 1, kb: 1_024, mb: 1_024 ** 2, gb: 1_024 ** 3 };

/** Longest duration of the file, 24 h in milliseconds: Node's timers fire at once beyond 24.8 days. */
export const LONGEST_DURATION = 86_400_000;

/** `5s`, `200ms`, `2m`, `1h` to milliseconds. The schema has checked the form. */
export function milliseconds(text: string): number {
  return inUnits(text, DURATIONS);
}

/** `10mb`, `512kb` to bytes. The schema has checked the form. */
export function bytes(text: string): number {
  return inUnits(text, SIZES);
}

/** `100%`, `0.5%` or 0 to a fraction from 0 to 1. The schema has checked the form. */
export function fraction(share: string | number): number {
  return typeof share === 'number' ? share : Number.parseFloat(share) / 100;
}

export function isDuration(text: unknown): text is string {
  return typeof text === 'string' && /^[1-9]\d*(ms|s|m|h)$/.test(text);
}

function inUnits(text: string, units: Readonly<Record<string, number>>): number {
  const match = /^(\d+)([a-z]+)$/.exec(text);
  const unit = match && units[match[2] as string];
  if (!unit) throw new RangeError(`"${text}" has no unit of ${Object.keys(units).join(', ')}`);
  return Number(match[1]) * unit;
}
