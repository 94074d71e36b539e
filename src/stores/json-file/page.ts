import type { Condition } from '../../domain/query.ts';
import type { Value } from '../../domain/values.ts';

export interface Candidate {
  /** Place of the record in its file. */
  ordinal: number;
  /** Its values of the sort fields. */
  values: readonly Value[];
}

/** A page of a sorted list, found in one pass: never holds more than twice what lies up to its end, and no record. */
export class Page {
  /** All records that were added. */
  matches = 0;
  readonly #offset: number;
  readonly #end: number;
  readonly #order: (a: Candidate, b: Candidate) => number;
  #kept: Candidate[] = [];

  constructor(offset: number, limit: number, order: (a: readonly Value[], b: readonly Value[]) => number) {
    this.#offset = offset;
    this.#end = limit === 0 ? 0 : offset + limit;
    this.#order = (a, b) => order(a.values, b.values) || a.ordinal - b.ordinal;
  }

  add(candidate: Candidate): void {
    this.matches++;
    if (this.#end === 0) return;
    this.#kept.push(candidate);
    if (this.#kept.length >= 2 * this.#end + 64) this.#prune();
  }

  ordinals(): number[] {
    this.#prune();
    return this.#kept.slice(this.#offset).map(({ ordinal }) => ordinal);
  }

  #prune(): void {
    this.#kept = this.#kept.sort(this.#order).slice(0, this.#end);
  }
}

/** The fields that a condition looks at. */
export function fieldsOf(where: Condition | null): string[] {
  if (!where) return [];
  if ('and' in where) return where.and.flatMap(fieldsOf);
  if ('or' in where) return where.or.flatMap(fieldsOf);
  return [where.field];
}
