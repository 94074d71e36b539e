import { partText, partValue } from '../domain/keys.ts';
import { BanyanError } from '../domain/errors.ts';
import { exactNumber, isExactNumber, numberText, sameValue, type Value } from '../domain/values.ts';
import type { Side } from '../domain/words.ts';
import type { Conversion } from './conversions.ts';
import { idIn, isOneForm, translateId, type IdForms } from './ids.ts';

/** One declared difference between a public value and what a side's column holds. */
export interface Codec {
  /** `undefined`: the column is left out. */
  toSide(value: Value): Value | undefined;
  fromSide(value: Value): Value;
}

/** Several differences as one, from the public value outwards; null: there is none. */
export function compose(codecs: readonly (Codec | null)[]): Codec | null {
  const all = codecs.filter((codec) => codec !== null);
  if (all.length <= 1) return all[0] ?? null;
  const back = [...all].reverse();
  return {
    toSide: (value) =>
      all.reduce<Value | undefined>((at, codec) => (at === undefined ? at : codec.toSide(at)), value),
    fromSide: (value) => back.reduce((at, codec) => codec.fromSide(at), value),
  };
}

/** Applies to each value of a list; null stays null. */
function each(change: (value: Value) => Value): (value: Value) => Value {
  const one = (value: Value): Value => (value === null ? null : change(value));
  return (value) => (Array.isArray(value) ? value.map(one) : one(value));
}

function simple(toSide: (value: Value) => Value, fromSide: (value: Value) => Value): Codec {
  return { toSide: each(toSide), fromSide: each(fromSide) };
}

/** Numbers that stand as text in the public JSON. */
export const NUMBERS_AS_TEXT = simple(
  (value) => (typeof value === 'string' ? exactNumber(value) : value),
  (value) => (typeof value === 'number' || isExactNumber(value) ? numberText(value) : value),
);

/** Ids: the record's own, or those of a resource that it refers to. */
export function idCodec(side: Side, forms: IdForms, field: string): Codec | null {
  if (isOneForm(forms)) return null;
  return simple(
    (value) => {
      const id = idIn(side, forms, partText(value));
      if (id !== null) return partValue(forms[side], id);
      throw new BanyanError(
        'id-untranslatable',
        `${field} is "${partText(value)}", which has no form among the ids of the ${side} side (${forms[side]})`,
        { details: { field } },
      );
    },
    (value) => {
      const shown = translateId(forms[side], forms.public, partText(value));
      return shown === null ? value : partValue(forms.public, shown);
    },
  );
}

/** What stands for a missing or null value; only legacy has another form for it. */
export function defaultCodec(
  side: Side,
  { value: standard, back }: { value: Value; back: 'value' | 'null' | 'missing' },
): Codec {
  const instead = side === 'new' ? standard : { value: standard, null: null, missing: undefined }[back];
  return {
    toSide: (value) => (value === null || sameValue(value, standard) ? instead : value),
    fromSide: (value) => value ?? standard,
  };
}

/** Public value to legacy value; what is not declared stays as it is, and the linter names it. */
export function enumCodec(values: Readonly<Record<string, string | number>>): Codec {
  const toLegacy = new Map<Value, Value>(Object.entries(values));
  const toPublic = new Map<Value, Value>(Object.entries(values).map(([shown, legacy]) => [legacy, shown]));
  return simple(
    (value) => toLegacy.get(value) ?? value,
    (value) => toPublic.get(value) ?? value,
  );
}

export function conversionCodec({ to, from }: Conversion, list: boolean): Codec {
  const [toSide, fromSide] = [to, from].map(
    (change) => (value: Value) => (value === null ? null : change(value)),
  ) as [(value: Value) => Value, (value: Value) => Value];
  return list ? simple(to, from) : { toSide, fromSide };
}

/** A null goes back as a field that is missing. */
export const NULL_IS_MISSING: Codec = {
  toSide: (value) => (value === null ? undefined : value),
  fromSide: (value) => value,
};

/** The fields of a document that no other field names: none of them is null, on both sides. */
export function restCodec(side: Side): Codec {
  return {
    toSide: (value) => (value === null && side === 'legacy' ? {} : value),
    fromSide: (value) =>
      typeof value === 'object' && value !== null && Object.keys(value).length === 0 ? null : value,
  };
}
