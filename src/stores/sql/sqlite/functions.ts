import { predicate, type Predicate } from '../../../domain/evaluate.ts';
import { addNumbers } from '../../../domain/statistics.ts';
import {
  canonicalDecimal,
  canonicalTimestamp,
  isExactNumber,
  numberText,
  parseJson,
  type Value,
} from '../../../domain/values.ts';
import { fromEpoch, type MomentForms } from './moments.ts';
import type { Cell } from './values.ts';

/**
 * What SQLite compares in another way than Postgres, as functions of the connection: decimals and timestamps that are kept
 * as text, text whatever its case beyond ASCII, and what is inside of JSON. Each is deterministic; null gives null.
 */
export const FUNCTIONS: Readonly<Record<string, (...cells: Cell[]) => Cell>> = {
  banyan_decimal: (cell) => (cell === null ? null : decimalOrder(String(cell))),
  banyan_moment: (cell) => (cell === null ? null : momentOrder(String(cell))),
  banyan_day: (cell = null, unit = null) => dayOf(cell, unit),
  banyan_contains: (cell, part) =>
    cell === null ? null : Number(String(cell).toLowerCase().includes(String(part).toLowerCase())),
  banyan_within: (cell, wanted, list) =>
    cell === null ? null : Number(within(String(cell), String(wanted), list === 1)),
};

/** Of many rows one value: what starts it, what each row does to that, and what is answered. Integers come as bigint. */
export interface Aggregate {
  start: () => unknown;
  step: (so: never, ...cells: Cell[]) => void;
  result: (so: never) => Cell;
}

/** Integers apart: adding them as they are is many times as fast as by their digits. */
interface Sum {
  whole: bigint | null;
  rest: Value;
}

interface Best {
  order: Cell;
  cell: Cell;
}
const best = (way: 1 | -1): Aggregate => ({
  start: (): Best => ({ order: null, cell: null }),
  step: (so: Best, order = null, cell = null) => {
    if (order === null) return;
    if (so.order === null || (way > 0 ? order > so.order : order < so.order))
      Object.assign(so, { order, cell });
  },
  result: (so: Best) => so.cell,
});

/** Sums without rounding; the least and greatest value by an order of its own, which is ASCII or a number. */
export const AGGREGATES: Readonly<Record<string, Aggregate>> = {
  banyan_sum: {
    start: (): Sum => ({ whole: null, rest: null }),
    step: (so: Sum, cell = null) => {
      if (typeof cell === 'bigint') so.whole = (so.whole ?? 0n) + cell;
      else if (cell !== null) so.rest = addNumbers(so.rest, String(cell));
    },
    result: ({ whole, rest }: Sum) => {
      const sum = whole === null ? rest : addNumbers(rest, String(whole));
      return typeof sum === 'number' || isExactNumber(sum) ? numberText(sum) : (sum as string | null);
    },
  },
  banyan_min: best(-1),
  banyan_max: best(1),
};

function dayOf(cell: Cell, unit: Cell): Cell {
  if (cell === null) return null;
  const counted = unit !== null && typeof cell !== 'string' && !(cell instanceof Uint8Array);
  const moment = counted
    ? fromEpoch(cell, { text: 'iso', integer: unit as MomentForms['integer'] })
    : canonicalTimestamp(String(cell));
  return (moment ?? String(cell)).slice(0, 10);
}

/** Added to the place of the point, so that it is positive. */
const PLACES = 5_000_000;

/** Text whose bytes have the order of the decimals' values: sign, place of the point, digits. */
export function decimalOrder(text: string): string {
  if (text === 'Infinity') return '3';
  if (text === 'NaN') return '4';
  if (text === '-Infinity') return '';
  let canonical: string;
  try {
    canonical = canonicalDecimal(text);
  } catch {
    return `5${text}`;
  }
  const [, sign, whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e(-?\d+))?$/.exec(canonical) ?? [];
  const all = whole + fraction;
  const digits = all.replace(/^0+/, '').replace(/0+$/, '');
  if (digits === '') return '1';
  const place = PLACES + whole.length - all.search(/[1-9]/) + Number(exponent);
  const magnitude = String(place).padStart(7, '0') + digits;
  // Of negative numbers the greater magnitude comes first: each digit is turned, and the end is beyond all digits.
  return sign === '-'
    ? `0${magnitude.replace(/\d/g, (digit) => String(9 - Number(digit)))}~`
    : `2${magnitude}`;
}

/** Text whose bytes have the order of the moments, to the microsecond. */
export function momentOrder(text: string): string {
  const canonical = canonicalTimestamp(text);
  if (canonical === null) return text;
  return canonical.length === 24 ? `${canonical.slice(0, 23)}000Z` : canonical;
}

/** The last question, which a statement asks of row after row. */
let asked: { wanted: string; list: boolean; holds: Predicate } | null = null;

function within(json: string, wanted: string, list: boolean): boolean {
  if (asked?.wanted !== wanted || asked.list !== list) {
    const column = { name: 'it', type: 'json', list, nullable: true } as const;
    const where = { field: 'it', op: 'contains', value: parseJson(wanted) } as const;
    asked = { wanted, list, holds: predicate(where, new Map([['it', column]])) };
  }
  let value: Value;
  try {
    value = parseJson(json);
  } catch {
    return false;
  }
  return asked.holds({ it: value });
}
