import { compareKeys, joinKey, partText, partValue, splitKey } from '../domain/keys.ts';
import type { KeyType } from '../domain/model.ts';
import type { PublicRecord, Value } from '../domain/values.ts';
import type { Key, Side } from '../domain/words.ts';
import { canonicalId, idIn, isOneForm, translateId, type IdForms } from './ids.ts';

/** A field of a record's key, with the forms of the id in it. */
export interface RecordKeyPart {
  field: string;
  forms: IdForms;
}

/**
 * Begins the key of a legacy record whose id has no form on the new side; what follows is the id as legacy has it. No
 * other key can begin like this: in keys of several parts `%` is escaped, and only texts take any id as it is.
 */
const FOREIGN = '%?';

/** Whether the id of a legacy record has no form on the new side, so that the record cannot be there. */
export function isForeign(key: Key): boolean {
  return key.startsWith(FOREIGN);
}

/** The keys of a resource: as text everywhere above the stores (the new side's), and in the form of either side. */
export class RecordKeys {
  readonly parts: readonly RecordKeyPart[];
  private readonly plain: boolean;
  private readonly types: KeyType | KeyType[];

  constructor(parts: readonly RecordKeyPart[]) {
    this.parts = parts;
    this.plain = parts.every(({ forms }) => isOneForm(forms));
    const types = parts.map(({ forms }) => forms.new);
    this.types = types.length === 1 ? (types[0] as KeyType) : types;
  }

  /** The key of a record, whose ids may be in any of their forms. */
  of(record: PublicRecord): Key {
    const texts = this.parts.map(({ field }) => partText(record[field]));
    if (this.plain) return joinKey(texts);
    const ids = this.parts.map(({ forms }, index) => idIn('new', forms, texts[index] as string));
    if (!ids.includes(null)) return joinKey(ids as string[]);
    return FOREIGN + joinKey(this.parts.map(({ forms }, index) => inLegacy(forms, texts[index] as string)));
  }

  /** The key of a public id, given by its parts. */
  ofId(values: readonly Value[]): Key {
    return this.of(Object.fromEntries(this.parts.map(({ field }, index) => [field, values[index] ?? null])));
  }

  /** The fields of a public record that make its key. */
  publicValues(key: Key): PublicRecord {
    const foreign = isForeign(key);
    const texts = splitKey(foreign ? key.slice(FOREIGN.length) : key, this.parts.length);
    const values = this.parts.map(({ field, forms }, index): [string, Value] => {
      const text = texts[index] as string;
      const shown = foreign ? null : translateId(forms.new, forms.public, text);
      return [field, shown === null ? text : partValue(forms.public, shown)];
    });
    return Object.fromEntries(values);
  }

  /** A key as clients know it, as the text that a path has for it. */
  publicText(key: Key): string {
    return joinKey(Object.values(this.publicValues(key)).map(partText));
  }

  /** A key in the form of a side's store, or null where it has none there. */
  onSide(side: Side, key: Key): string | null {
    if (isForeign(key)) return side === 'legacy' ? key.slice(FOREIGN.length) : null;
    if (side === 'new' || this.plain) return key;
    const texts = splitKey(key, this.parts.length);
    const ids = this.parts.map(({ forms }, index) =>
      translateId(forms.new, forms.legacy, texts[index] as string),
    );
    return ids.includes(null) ? null : joinKey(ids as string[]);
  }

  /** The key of a row, from the text that the side's store has for it. */
  fromSide(side: Side, text: string): Key {
    if (side === 'new' || this.plain) return text;
    const texts = splitKey(text, this.parts.length);
    const ids = this.parts.map(({ forms }, index) =>
      translateId(forms.legacy, forms.new, texts[index] as string),
    );
    return ids.includes(null) ? FOREIGN + text : joinKey(ids as string[]);
  }

  /** A key from the path of a request, in any form that an answer may ever have shown; null where it fits none. */
  fromPath(text: string): Key | null {
    if (this.parts.length > 1 && text.split('~').length !== this.parts.length) return null;
    const texts = splitKey(text, this.parts.length);
    const fits = this.parts.every(({ forms }, index) =>
      Object.values(forms).some((form: KeyType) => canonicalId(form, texts[index] as string) !== null),
    );
    if (!fits) return null;
    const canonical = this.parts.map(({ field, forms }, index): [string, Value] => [
      field,
      idIn('public', forms, texts[index] as string) ?? (texts[index] as string),
    ]);
    return this.of(Object.fromEntries(canonical));
  }

  /** The order in which legacy scans its keys, those without a form on the new side among the others. */
  compareInLegacy(a: Key, b: Key): number {
    const [x, y] = [a, b].map((key) => this.onSide('legacy', key) ?? key) as [Key, Key];
    const types = this.parts.map(({ forms }) => forms.legacy);
    return compareKeys(types.length === 1 ? (types[0] as KeyType) : types, x, y);
  }

  /** The order in which both sides scan their keys; those that only legacy can have come first. */
  compare(a: Key, b: Key): number {
    if (isForeign(a) || isForeign(b)) return Number(isForeign(b)) - Number(isForeign(a));
    return compareKeys(this.types, a, b);
  }
}

function inLegacy(forms: IdForms, text: string): string {
  return idIn('legacy', forms, text) ?? text;
}
