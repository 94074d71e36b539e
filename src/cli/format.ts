/** Figures and moments as people read them. */

const UNITS: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** Milliseconds as at most two units, e.g. `3 min 20 s`, `1.5 s`, `40 ms`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1_000)
    return `${milliseconds < 10 ? Number(milliseconds.toFixed(1)) : Math.round(milliseconds)} ms`;
  if (milliseconds < 10_000) return `${Number((milliseconds / 1_000).toFixed(1))} s`;
  let left = Math.round(milliseconds / 1_000) * 1_000;
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const n = Math.floor(left / size);
    if (n > 0) parts.push(`${n} ${unit}`);
    left -= n * size;
    if (parts.length === 2 || (parts.length === 1 && n === 0)) break;
  }
  return parts.join(' ');
}

/** 12345 as `12,345`. */
export function count(n: number): string {
  return n.toLocaleString('en-US', { maximumFractionDigits: n < 10 ? 1 : 0 });
}

/** `1 mark`, `2 marks`; nouns whose plural is another are given with it. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** How long ago a moment of the database is. */
export function ago(moment: string, now = Date.now()): string {
  return `${duration(Math.max(0, now - Date.parse(moment)))} ago`;
}
