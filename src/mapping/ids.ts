import { randomBytes } from 'node:crypto';
import { v7 as timeOrderedId } from 'uuid';
import type { KeyType } from '../domain/model.ts';

/**
 * Ids in several forms. Each translation is a stateless bijection: no table remembers which id belongs to which, so none
 * can be lost. An id that has no form on the other side (a UUID that was never an ObjectId) is answered with null, never
 * bent into something that looks like one.
 */

/** The form of an id in the public record and in the store of either side. */
export interface IdForms {
  public: KeyType;
  legacy: KeyType;
  new: KeyType;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const OBJECT_ID = /^[0-9a-f]{24}$/i;
const INTEGER = /^-?\d{1,19}$/;
const LEAST = -(2n ** 63n);

/** One row per form: the canonical text of an id, or null where the text is none of that form. */
const CANONICAL: Readonly<Record<KeyType, (text: string) => string | null>> = {
  uuid: (text) => (UUID.test(text) ? text.toLowerCase() : null),
  objectid: (text) => (OBJECT_ID.test(text) ? text.toLowerCase() : null),
  int(text) {
    if (!INTEGER.test(text)) return null;
    const value = BigInt(text);
    return value >= LEAST && value < -LEAST ? value.toString() : null;
  },
  text: (text) => (text.length > 0 && !text.includes('\u0000') && text.isWellFormed() ? text : null),
};

/** The canonical text of an id of a form: hexadecimal digits in lower case, integers of 64 bits in decimal; else null. */
export function canonicalId(form: KeyType, text: string): string | null {
  return CANONICAL[form](text);
}

/**
 * A UUID of version 8 that holds 96 or 64 bits in front, so that the order of the UUIDs is the order of what they hold,
 * and a mark at its end that tells it from any other UUID.
 */
const IN_UUID = {
  objectid: { digits: 24, tail: '0b1ec7' },
  int: { digits: 16, tail: '00000000001217' },
} as const;

function toUuid(hex: string, tail: string): string {
  const digits = `${hex.slice(0, 12)}8${hex.slice(12, 15)}8${hex.slice(15)}${tail}`;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function fromUuid(uuid: string, form: keyof typeof IN_UUID): string | null {
  const { digits, tail } = IN_UUID[form];
  const plain = uuid.replaceAll('-', '');
  const hex = plain.slice(0, 12) + plain.slice(13, 16) + plain.slice(17, digits + 2);
  return plain[12] === '8' && plain[16] === '8' && plain.endsWith(tail) ? hex : null;
}

/** Moved so that the least integer is 0: then the order of the digits is the order of the integers. */
const integerHex = (text: string) => (BigInt(text) - LEAST).toString(16).padStart(16, '0');

type Translate = (canonical: string) => string | null;

const asItIs: Translate = (id) => id;
/** Only text that is canonical: another spelling of the same id would not come back as it was. */
const onlyIf =
  (form: KeyType): Translate =>
  (id) =>
    canonicalId(form, id) === id ? id : null;

/** One row per pair of forms that have a translation; same forms need none. */
const TRANSLATIONS: Readonly<Partial<Record<`${KeyType}>${KeyType}`, Translate>>> = {
  'objectid>uuid': (id) => toUuid(id, IN_UUID.objectid.tail),
  'uuid>objectid': (id) => fromUuid(id, 'objectid'),
  'int>uuid': (id) => toUuid(integerHex(id), IN_UUID.int.tail),
  'uuid>int'(id) {
    const hex = fromUuid(id, 'int');
    return hex === null ? null : (BigInt(`0x${hex}`) + LEAST).toString();
  },
  'uuid>text': asItIs,
  'objectid>text': asItIs,
  'int>text': asItIs,
  'text>uuid': onlyIf('uuid'),
  'text>objectid': onlyIf('objectid'),
  'text>int': onlyIf('int'),
};

/** A canonical id in another form, or null where it has none there. */
export function translateId(from: KeyType, to: KeyType, id: string): string | null {
  return from === to ? id : (TRANSLATIONS[`${from}>${to}`]?.(id) ?? null);
}

/**
 * An id, given in any of its forms, in the one that is wanted; null where it has none there. Its own form is the first
 * that the text fits: the public one, then those of the sides.
 */
export function idIn(wanted: keyof IdForms, forms: IdForms, text: string): string | null {
  for (const form of new Set([forms.public, forms.new, forms.legacy])) {
    const canonical = canonicalId(form, text);
    const id = canonical === null ? null : translateId(form, forms[wanted], canonical);
    if (id !== null) return id;
  }
  return null;
}

/** Whether an id is the same text in all its forms. */
export function isOneForm({ public: shown, legacy, new: next }: IdForms): boolean {
  return shown === legacy && legacy === next;
}

/** What keeps ids of these forms from being used together, in words; null: nothing. */
export function idProblem({ public: shown, legacy, new: next }: IdForms): string | null {
  if (legacy !== next && !TRANSLATIONS[`${legacy}>${next}`]) {
    return `${legacy} and ${next} have no translation; an ObjectId or an integer can be held by a UUID or a text`;
  }
  // Both sides are compared as two streams in key order.
  if (legacy !== next && [legacy, next].every((form) => form === 'int' || form === 'text')) {
    return 'integers and texts have different orders ("10" comes before "9"), so that both sides cannot be compared';
  }
  return shown === legacy || shown === next
    ? null
    : `the public form must be that of a side: ${legacy} or ${next}`;
}

/** Number within this second, from a random start as every ObjectId generator has it. */
let counter = randomBytes(3).readUIntBE(0, 3);
const PROCESS = randomBytes(5).toString('hex');

function newObjectId(): string {
  counter = (counter + 1) % 2 ** 24;
  const seconds = Math.floor(Date.now() / 1_000);
  return seconds.toString(16).padStart(8, '0') + PROCESS + counter.toString(16).padStart(6, '0');
}

/** A new id of the new side's form that has a form on the other side as well; null where only a store can draw it. */
export function newId({ public: shown, legacy, new: next }: IdForms): string | null {
  const forms = [shown, legacy, next];
  if (forms.includes('int')) return null;
  const form = forms.includes('objectid') ? 'objectid' : 'uuid';
  return translateId(form, next, form === 'objectid' ? newObjectId() : timeOrderedId());
}
