import { readFile } from 'node:fs/promises';
import { Ajv, type ErrorObject, type FuncKeywordDefinition, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { Decimal } from 'decimal.js';
import type { MessageSchemas } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import { isExactNumber, numberText, type Value } from '../domain/values.ts';
import type { BodyRole, FieldProblem } from '../mapping/accept.ts';

/** What is wrong with a message, by field path; empty where it fits. */
export interface MessageCheck {
  problems(message: Value): FieldProblem[];
  /** The schema as its file has it, for the OpenAPI document. */
  schema: Record<string, unknown>;
}

export type MessageChecks = Readonly<Partial<Record<BodyRole, MessageCheck>>>;

/** Reads and compiles the schemas of a route. Throws config-invalid with the file's name. */
export async function openMessageChecks(files: MessageSchemas): Promise<MessageChecks> {
  const checks = Object.entries(files).map(
    async ([role, file]) => [role, await openMessageCheck(file)] as const,
  );
  return Object.fromEntries(await Promise.all(checks));
}

async function openMessageCheck(file: string): Promise<MessageCheck> {
  try {
    const schema = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>;
    return messageCheck(schema);
  } catch (error) {
    throw new BanyanError(
      'config-invalid',
      `${file} is not a usable JSON Schema: ${(error as Error).message}`,
    );
  }
}

/** Exact: as doubles, 1.1 is no multiple of 0.01. */
const MULTIPLE_OF: FuncKeywordDefinition = {
  keyword: 'multipleOf',
  type: 'number',
  schemaType: 'number',
  validate: (step: number, value: number) => new Decimal(value).mod(step).isZero(),
  error: { message: ({ schema }) => `must be multiple of ${Number(schema)}` },
};

/** A check from a JSON Schema: 2020-12 where it says so in `$schema`, else draft-07. */
export function messageCheck(schema: Record<string, unknown>): MessageCheck {
  const Draft = String(schema['$schema'] ?? '').includes('2020-12') ? Ajv2020 : Ajv;
  const ajv = new Draft({ allErrors: true, strictTypes: false, strictTuples: false, strictRequired: false });
  addFormats.default(ajv);
  ajv.removeKeyword('multipleOf').addKeyword(MULTIPLE_OF);
  const validate: ValidateFunction = ajv.compile(schema);
  return {
    schema,
    problems: (message) => (validate(plain(message)) ? [] : (validate.errors ?? []).flatMap(problem)),
  };
}

/** What merely repeats that an inner schema was not met. */
const SUMMARIES = new Set(['if', 'not', 'oneOf', 'anyOf', 'allOf']);

function problem(error: ErrorObject, _index: number, all?: ErrorObject[]): FieldProblem[] {
  if (SUMMARIES.has(error.keyword) && (all?.length ?? 0) > 1) return [];
  const field = fieldPath(error.instancePath);
  const { missingProperty, additionalProperty, allowedValues } = error.params as Record<string, unknown>;
  if (typeof missingProperty === 'string')
    return [{ field: join(field, missingProperty), message: 'is required' }];
  if (typeof additionalProperty === 'string')
    return [{ field: join(field, additionalProperty), message: 'is not a field of this message' }];
  const values = Array.isArray(allowedValues) ? `: ${allowedValues.join(', ')}` : '';
  return [{ field, message: `${error.message ?? 'does not fit'}${values}` }];
}

/** `/readings/0/value` as `readings[0].value`. */
function fieldPath(pointer: string): string {
  const parts = pointer.split('/').slice(1);
  return parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')).reduce(join, '');
}

function join(path: string, part: string): string {
  if (/^\d+$/.test(part)) return `${path}[${part}]`;
  return path === '' ? part : `${path}.${part}`;
}

/** Numbers that a double cannot hold are validated as the nearest double; what is stored stays exact. */
function plain(value: Value): unknown {
  if (isExactNumber(value)) return Number(numberText(value));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
}
