import { Binary, BSON, Decimal128, Double, Int32, Long, ObjectId } from 'mongodb';
import { exactNumber, type Value } from '../../domain/values.ts';

/**
 * Any BSON value as plain JSON, in the form that a product's own API gives it: an ObjectId as its 24 digits, a date as
 * RFC 3339, numbers exact. Nothing is left out.
 */
export function plain(native: unknown): Value {
  if (native === null || native === undefined) return null;
  if (typeof native === 'object') return plainObject(native);
  // NaN and infinities have no JSON number. Minus zero is zero.
  if (typeof native === 'number') return Number.isFinite(native) ? native + 0 : String(native);
  return typeof native === 'boolean' ? native : String(native as string);
}

function plainObject(native: object): Value {
  if (Array.isArray(native)) return native.map(plain);
  if (native instanceof ObjectId) return native.toHexString();
  if (native instanceof Double || native instanceof Int32) return plain(native.valueOf());
  if (native instanceof Long && bsonTypeOf(native) === 'long') return exactNumber(native.toString());
  if (native instanceof Date) return Number.isNaN(native.getTime()) ? null : native.toISOString();
  if (native instanceof Decimal128) return decimal(native.toString());
  if (native instanceof Binary) return Buffer.from(native.value()).toString('base64');
  if (native instanceof RegExp) return String(native);
  if ('_bsontype' in native) return rare(native);
  return Object.fromEntries(Object.entries(native).map(([name, member]) => [name, plain(member)]));
}

/** References of a database, code, timestamps of the oplog, the least and the greatest key: as JSON.stringify has them. */
function rare(native: object): Value {
  if ('toJSON' in native && typeof native.toJSON === 'function') return plain(native.toJSON());
  return plain(BSON.EJSON.serialize(native, { relaxed: true }));
}

function decimal(text: string): Value {
  return /^(NaN|-?Infinity)$/.test(text) ? text : exactNumber(text);
}

/** The name of a value's BSON type as `$type` has it; a number that is not a Long may be an int or a double. */
export function bsonTypeOf(native: unknown): string {
  if (native === null || native === undefined) return 'null';
  if (Array.isArray(native)) return 'array';
  if (native instanceof Date) return 'date';
  if (native instanceof RegExp) return 'regex';
  if (typeof native === 'number') return Number.isInteger(native) ? 'int' : 'double';
  if (typeof native !== 'object') return typeof native === 'boolean' ? 'bool' : typeof native;
  const type = (native as { _bsontype?: string })._bsontype;
  return type === undefined ? 'object' : (NAMES[type] ?? type.toLowerCase());
}

const NAMES: Readonly<Record<string, string>> = {
  ObjectId: 'objectId',
  Long: 'long',
  Decimal128: 'decimal',
  Binary: 'binData',
};
