import { compareKeys } from '../domain/keys.ts';
import type { KeyType } from '../domain/model.ts';
import type { Side } from '../domain/words.ts';
import { idIn, type IdForms } from './ids.ts';

/** Of two forms, the one with more room holds every id of the other. */
const ROOM: Readonly<Record<KeyType, number>> = { int: 0, objectid: 0, uuid: 1, text: 2 };

/**
 * The order of two ids of a resource, of whichever side, however they are shown: that of the form in which both sides'
 * ids have a place. Translations keep the order, so that each store sorts its own ids so too.
 */
export function compareIds(forms: IdForms, a: string, b: string): number {
  const wide: Side = ROOM[forms.legacy] > ROOM[forms.new] ? 'legacy' : 'new';
  const placed = (id: string) => idIn(wide, forms, id) ?? id;
  return compareKeys(forms[wide], placed(a), placed(b));
}

const hex = (digits: number) => (place: bigint) => place.toString(16).padStart(digits, '0');

/** All ids of a form in their order: how many bits count them, and the one at a place. A text holds all others. */
const IN_ORDER: Readonly<Partial<Record<KeyType, { bits: bigint; at: (place: bigint) => string }>>> = {
  objectid: { bits: 96n, at: hex(24) },
  int: { bits: 64n, at: (place) => (place - 2n ** 63n).toString() },
  uuid: {
    bits: 128n,
    at: (place) => hex(32)(place).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  },
};

/** The last id that a side can have before one that has no form there; null: it can have none before it. */
export function lastIdBefore(side: Side, forms: IdForms, id: string): string | null {
  const all = IN_ORDER[forms[side]];
  if (!all) return null;
  let [before, notBefore] = [0n, 2n ** all.bits];
  while (before < notBefore) {
    const middle = (before + notBefore) / 2n;
    if (compareIds(forms, all.at(middle), id) < 0) before = middle + 1n;
    else notBefore = middle;
  }
  return before === 0n ? null : all.at(before - 1n);
}
