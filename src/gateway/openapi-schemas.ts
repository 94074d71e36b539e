import type { ValueType } from '../domain/model.ts';
import type { PublicRecord, Value } from '../domain/values.ts';
import type { BodyRole } from '../mapping/accept.ts';
import type { MappedField } from '../mapping/mapping.ts';
import type { Face } from './face.ts';

/** A JSON Schema of the OpenAPI document (2020-12, as OpenAPI 3.1 has it). */
export type Schema = Readonly<Record<string, unknown>>;

/** What a value of a type looks like in JSON. */
const TYPES: Readonly<Record<ValueType, Schema>> = {
  text: { type: 'string' },
  enum: { type: 'string' },
  uuid: { type: 'string', format: 'uuid' },
  objectid: { type: 'string', pattern: '^[0-9a-f]{24}$' },
  int: { type: 'integer', format: 'int32' },
  bigint: { type: 'integer', format: 'int64' },
  decimal: { type: 'number', format: 'decimal' },
  float: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  timestamp: { type: 'string', format: 'date-time' },
  date: { type: 'string', format: 'date' },
  time: { type: 'string', format: 'time' },
  json: {},
  bytes: { type: 'string', contentEncoding: 'base64' },
};

const NUMBERS: ReadonlySet<ValueType> = new Set(['int', 'bigint', 'decimal', 'float']);

export function fieldSchema(field: MappedField): Schema {
  const scalar = scalarSchema(field);
  const whole: Schema = field.list ? { type: 'array', items: scalar } : scalar;
  return field.nullable ? nullable(whole) : whole;
}

function scalarSchema({ type, as, maxLength, values }: MappedField): Schema {
  if (as === 'string' && NUMBERS.has(type)) return { type: 'string', format: type };
  return {
    ...TYPES[type],
    ...(maxLength === null ? {} : { maxLength }),
    ...(values === null ? {} : { enum: [...values] }),
  };
}

function nullable(schema: Schema): Schema {
  // Of a document, anything goes.
  if (schema['type'] === undefined) return schema;
  const values = schema['enum'] as unknown[] | undefined;
  return { ...schema, type: [schema['type'], 'null'], ...(values ? { enum: [...values, null] } : {}) };
}

/** A record as a face's answers have it: every field is there. */
export function recordSchema({ shape }: Face): Schema {
  const fields = [...shape.fields].map(([name, field]) => [name, fieldSchema(field)] as const);
  const constants = Object.entries(shape.constants).map(
    ([name, value]) => [name, constantSchema(value)] as const,
  );
  const properties = Object.fromEntries([...fields, ...constants]);
  return { type: 'object', properties, required: Object.keys(properties) };
}

function constantSchema(value: Value): Schema {
  return { const: value };
}

/** A message that a face takes; where the route has a schema of its own, it must fit both. */
export function messageSchema(face: Face, role: BodyRole): Schema {
  const { shape, checks } = face;
  const fields = [...shape.fields];
  const own: Schema = {
    type: 'object',
    properties: Object.fromEntries([
      ...fields.map(([name, field]) => [name, fieldSchema(field)]),
      ...Object.entries(shape.constants).map(([name, value]) => [name, constantSchema(value)]),
    ]) as PublicRecord,
    required:
      role === 'change' ? [] : fields.filter(([, field]) => isRequired(face, field)).map(([name]) => name),
    additionalProperties: false,
  };
  const check = checks[role];
  if (!check) return own;
  const { $schema: _draft, $id: _id, ...demanded } = check.schema;
  return { allOf: [own, demanded] };
}

function isRequired({ shape }: Face, field: MappedField): boolean {
  return !field.nullable && !field.hasDefault && !field.touched && !shape.mapping.isKeyField(field.name);
}
