import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { getDMMF } from '@prisma/get-dmmf';
import { BanyanError } from '../../domain/errors.ts';
import type { KeyPart } from '../../domain/keys.ts';
import type { FieldSpec, KeyType, ModelSpec, ReferenceSpec, ValueType } from '../../domain/model.ts';
import { canonicalTimestamp, exactNumber, parseJson, type Value } from '../../domain/values.ts';

type Datamodel = Extract<ReturnType<typeof getDMMF>, { datamodel: unknown }>['datamodel'];
type Model = Datamodel['models'][number];
type Field = Model['fields'][number];

/** Prisma's types and, where they say more, its native types of Postgres. */
const TYPES: Readonly<Record<string, ValueType>> = {
  String: 'text',
  Boolean: 'boolean',
  Int: 'int',
  BigInt: 'bigint',
  Float: 'float',
  Decimal: 'decimal',
  DateTime: 'timestamp',
  Json: 'json',
  Bytes: 'bytes',
};
const NATIVE_TYPES: Readonly<Record<string, ValueType>> = {
  Uuid: 'uuid',
  Date: 'date',
  Time: 'time',
  Timetz: 'time',
};
const KEY_TYPES: Readonly<Partial<Record<ValueType, KeyType>>> = {
  uuid: 'uuid',
  int: 'int',
  bigint: 'int',
  text: 'text',
};

/** What Prisma makes of a Decimal that names no precision. */
const PLAIN_DECIMAL = { digits: 65, scale: 30 };

/** Defaults that Prisma's client makes: a statement that leaves the column out does not get them. */
const CLIENT_DEFAULTS: ReadonlySet<string> = new Set(['uuid', 'cuid', 'nanoid', 'ulid']);

/**
 * The models of a Prisma schema by name, from the path of its file or folder, or from its text.
 *
 * With `wanted`, just these are read, and each must be there and be usable; without, a model that cannot be a resource is
 * left out. Fails with config-invalid, in Prisma's words and with file and line, for a schema that does not parse.
 */
export async function readModels(
  source: string,
  wanted?: readonly string[],
): Promise<Map<string, ModelSpec>> {
  const datamodel = await parse(await schemaFiles(source));
  const models = new Map(datamodel.models.map((model) => [model.name, model]));
  const names =
    wanted ?? [...models.values()].filter((model) => !whyNoResource(model)).map((model) => model.name);
  return new Map(names.map((name) => [name, modelSpec(modelNamed(models, name), datamodel)]));
}

function modelNamed(models: ReadonlyMap<string, Model>, name: string): Model {
  const model = models.get(name);
  if (!model) {
    throw new BanyanError(
      'config-invalid',
      `the Prisma schema has no model "${name}"; it has ${[...models.keys()].join(', ') || 'none'}`,
    );
  }
  const reason = whyNoResource(model);
  if (reason) throw new BanyanError('config-invalid', `model "${name}" cannot be a resource: ${reason}`);
  return model;
}

function whyNoResource(model: Model): string | null {
  const keys = keyFields(model);
  if (keys.length === 0) return 'it has neither a field marked @id nor @@id';
  const unfit = keys.find((key) => !KEY_TYPES[valueType(key)]);
  if (!unfit) return null;
  return `its id "${unfit.name}" is of type ${unfit.type}; it must be a String, Int or BigInt`;
}

/** The fields of the id, in its order. */
function keyFields(model: Model): Field[] {
  const names = model.primaryKey?.fields ?? model.fields.filter(({ isId }) => isId).map(({ name }) => name);
  return names.map((name) => model.fields.find((field) => field.name === name) as Field);
}

function modelSpec(model: Model, { enums, models }: Datamodel): ModelSpec {
  const keys = keyFields(model).map((field) => ({
    name: field.name,
    type: KEY_TYPES[valueType(field)] as KeyType,
  }));
  const [first] = keys as [KeyPart];
  const values: Enums = new Map(
    enums.map((kind) => [kind.name, new Map(kind.values.map(({ name, dbName }) => [name, dbName ?? name]))]),
  );
  const table = model.dbName ?? model.name;
  return {
    name: model.name,
    table: model.schema ? `${model.schema}.${table}` : table,
    keys,
    key: first.name,
    keyType: first.type,
    keyFromSequence: keyFields(model).some((field) => defaultFunction(field) === 'autoincrement'),
    fields: model.fields
      .filter((field) => field.kind === 'scalar' || field.kind === 'enum')
      .map((field) => fieldSpec(field, values)),
    references: model.fields.flatMap((field) => reference(field, models)),
  };
}

/** What the database calls the values of each enumeration, by their names in the schema. */
type Enums = ReadonlyMap<string, ReadonlyMap<string, string>>;

function fieldSpec(field: Field, enums: Enums): FieldSpec {
  const type = valueType(field);
  const values = enums.get(field.type);
  const [native = '', sizes = []] = field.nativeType ?? [];
  const [first, second] = sizes.map(Number);
  return {
    name: field.name,
    column: field.dbName ?? field.name,
    type,
    list: field.isList,
    nullable: !field.isRequired,
    hasDefault: field.hasDefaultValue && !CLIENT_DEFAULTS.has(defaultFunction(field) ?? ''),
    ...presetOf(field, type, values),
    touched: field.isUpdatedAt === true,
    maxLength: /^(Var)?Char$/.test(native) && first ? first : null,
    precision: type === 'decimal' ? (first ? { digits: first, scale: second ?? 0 } : PLAIN_DECIMAL) : null,
    values: values ? [...values.values()] : null,
  };
}

function valueType(field: Field): ValueType {
  if (field.kind === 'enum') return 'enum';
  return NATIVE_TYPES[field.nativeType?.[0] ?? ''] ?? TYPES[field.type] ?? 'text';
}

function defaultFunction(field: Field): string | null {
  const value = field.default;
  return typeof value === 'object' && value !== null && 'name' in value ? value.name : null;
}

/** What a create that leaves the field out gets, where the schema says it in words that hold outside the database. */
function presetOf(
  field: Field,
  type: ValueType,
  names: ReadonlyMap<string, string> | undefined,
): Pick<FieldSpec, 'preset'> {
  if (defaultFunction(field) === 'now') return { preset: 'now' };
  const given = field.default as unknown;
  if (!field.hasDefaultValue || defaultFunction(field) !== null) return {};
  // An enumeration's default is the name in the schema; the database may have another one.
  const values = (Array.isArray(given) ? given : [given]).map((item) =>
    type === 'enum' ? names?.get(String(item)) : presetValue(item, type),
  );
  if (values.includes(undefined)) return {};
  return { preset: { value: field.isList ? (values as Value[]) : (values[0] as Value) } };
}

const NUMERIC: readonly ValueType[] = ['int', 'bigint', 'decimal', 'float'];

function presetValue(given: unknown, type: ValueType): Value | undefined {
  if (typeof given === 'boolean') return given;
  if (typeof given !== 'string' && typeof given !== 'number') return undefined;
  const text = String(given);
  if (NUMERIC.includes(type)) return exactNumber(text);
  if (type === 'json') return parseJson(text);
  if (type === 'timestamp') return canonicalTimestamp(text) ?? undefined;
  return type === 'bytes' ? undefined : text;
}

/** A relation whose fields hold the whole id of the other model; any other says nothing about keys. */
function reference(field: Field, models: readonly Model[]): ReferenceSpec[] {
  const { relationFromFields: from = [], relationToFields: to = [], type } = field;
  const target = models.find((model) => model.name === type);
  if (!target || from.length === 0) return [];
  const fields = keyFields(target).map(({ name }) => from[to.indexOf(name)]);
  const whole = fields.length === from.length && fields.every((name) => name !== undefined);
  return whole ? [{ fields, model: type }] : [];
}

type SchemaFile = [name: string, text: string];

async function schemaFiles(source: string): Promise<SchemaFile[]> {
  if (source.includes('{')) return [['schema.prisma', source]];
  try {
    if (!(await stat(source)).isDirectory()) return [[source, await readFile(source, 'utf8')]];
    const names = await readdir(source, { recursive: true });
    const paths = names
      .filter((name) => name.endsWith('.prisma'))
      .sort()
      .map((name) => join(source, name));
    return await Promise.all(
      paths.map(async (path): Promise<SchemaFile> => [path, await readFile(path, 'utf8')]),
    );
  } catch (error) {
    throw new BanyanError(
      'config-invalid',
      `the Prisma schema "${source}" cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

async function parse(files: SchemaFile[]): Promise<Datamodel> {
  // Loaded when first needed: it is a WebAssembly module of some megabytes.
  const { getDMMF } = await import('@prisma/get-dmmf');
  const answer = getDMMF({ datamodel: files });
  if ('datamodel' in answer) return answer.datamodel;
  throw new BanyanError('config-invalid', `the Prisma schema is not valid: ${prismaMessage(answer.error)}`);
}

/** Prisma's first complaint, with file and line; its message is a coloured report inside JSON. */
function prismaMessage(error: Error): string {
  let report = error.message;
  try {
    report = (JSON.parse(report) as { message: string }).message;
  } catch {
    // Not the usual form: take it as it is.
  }
  const plain = report.replace(/\u001b\[[\d;]*m/g, '');
  const first = /error: (?:Error [\w ]*: )?(.*)/.exec(plain)?.[1] ?? plain;
  const place = /--> +(\S+:\d+)/.exec(plain)?.[1];
  const count = Number(/Validation Error Count: (\d+)/.exec(plain)?.[1] ?? 1);
  return `${place ? `${place}: ` : ''}${first}${count > 1 ? ` (and ${count - 1} more)` : ''}`;
}
