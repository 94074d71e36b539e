import { Binary } from 'mongodb';
import { isExactNumber, sameValue, type Value } from '../../domain/values.ts';
import { bsonTypeOf, plain } from './plain.ts';
import { bson } from './values.ts';

/**
 * Plain JSON as BSON beside what a document holds there now: whatever still reads the same stays what it was. JSON has
 * no dates, ObjectIds or decimals, so that a document that is copied back would else lose them.
 */
export function bsonBeside(value: Value, present: unknown): unknown {
  if (present === undefined || present === null) return bson(value);
  if (sameValue(plain(present), value)) return present;
  if (Array.isArray(value)) {
    const items: unknown[] = Array.isArray(present) ? present : [];
    return value.map((item, index) => bsonBeside(item, items[index]));
  }
  if (typeof value !== 'object' || value === null || isExactNumber(value)) return bson(value);
  const members = bsonTypeOf(present) === 'object' ? (present as Record<string, unknown>) : {};
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      bsonBeside(member, Object.hasOwn(members, name) ? members[name] : undefined),
    ]),
  );
}

/** Bytes keep the subtype that they have: drivers tell a UUID or a digest by it. */
export function bytesBeside(bytes: unknown, present: unknown): unknown {
  if (Array.isArray(bytes)) {
    const items: unknown[] = Array.isArray(present) ? present : [];
    return bytes.map((item, index) => bytesBeside(item, items[index]));
  }
  if (!(bytes instanceof Binary) || !(present instanceof Binary)) return bytes;
  return new Binary(bytes.value(), present.sub_type);
}
