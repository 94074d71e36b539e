/**
 * Values that a store without a schema holds and that are not of the type that their column is mapped with. The row has
 * them in plain JSON, so that a client of the legacy side sees what it always saw; beside the row stands what is wrong,
 * so that no such value is taken for one that fits and copied to the other side.
 */
export interface Misfit {
  /** Column, as the store's table names it. */
  column: string;
  /** What was found there, in the store's own words, e.g. `string`. */
  found: string;
  /** What the mapping expects, e.g. `decimal`. */
  expected: string;
}

const MISFITS = new WeakMap<object, readonly Misfit[]>();

/** Notes what is wrong with a row, or with the record made of it. */
export function noteMisfits(of: object, misfits: readonly Misfit[]): void {
  if (misfits.length > 0) MISFITS.set(of, misfits);
}

/** What was noted; empty where every value fits. */
export function misfitsOf(of: object): readonly Misfit[] {
  return MISFITS.get(of) ?? [];
}

const RETYPED = new WeakMap<object, readonly Misfit[]>();

/** Notes which values of a row fit, but would be written back as another type of the store's, e.g. a double as a decimal. */
export function noteRetyped(of: object, retyped: readonly Misfit[]): void {
  if (retyped.length > 0) RETYPED.set(of, retyped);
}

/** What was noted; empty where every value would come back as the type that it is. */
export function retypedOf(of: object): readonly Misfit[] {
  return RETYPED.get(of) ?? [];
}

/** In words, for messages: `total is a string, not a decimal`. */
export function misfitText({ column, found, expected }: Misfit): string {
  return `${column} is ${article(found)}, not ${article(expected)}`;
}

function article(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;
}
