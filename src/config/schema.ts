import { readFileSync } from 'node:fs';
import { Ajv, type ErrorObject } from 'ajv';
import type { Path } from './problem.ts';

/** The part of JSON Schema draft-07 that our schema uses. */
export interface SchemaNode {
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  enum?: readonly string[];
  const?: string;
  default?: unknown;
  examples?: readonly unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  /** The value is a secret or may hold one: it is never shown. */
  writeOnly?: boolean;
  required?: readonly string[];
  properties?: Readonly<Record<string, SchemaNode>>;
  additionalProperties?: boolean | SchemaNode;
  items?: SchemaNode;
  if?: SchemaNode;
  then?: SchemaNode;
  else?: SchemaNode;
  oneOf?: readonly SchemaNode[];
  definitions?: Readonly<Record<string, SchemaNode>>;
}

const FILE = new URL('../../routes.config.schema.json', import.meta.url);

/** routes.config.schema.json: the one description of the file, for validation, editors and the reference. */
export const SCHEMA = JSON.parse(readFileSync(FILE, 'utf8')) as SchemaNode;

const ajv = new Ajv({
  allErrors: true,
  verbose: true,
  discriminator: true,
  allowUnionTypes: true,
  // Making the checks fast takes as long as making them, and a file is checked once.
  code: { optimize: false },
});
const validate = ajv.compile(SCHEMA);

/** Every violation of the schema. */
export function violations(tree: unknown): ErrorObject[] {
  return validate(tree) ? [] : (validate.errors ?? []);
}

/**
 * The schema of the value at a path, with references followed; empty where it describes none. What differs by kind is
 * chosen by `tree`. Of `if`/`else` it is the `else` branch, which describes the value itself rather than a `${NAME}`.
 */
export function schemaAt(path: Path, tree: unknown): SchemaNode {
  let value = tree;
  let node = resolved(SCHEMA, value);
  for (const step of path) {
    value = (value as Record<string | number, unknown> | null | undefined)?.[step];
    node = resolved(memberSchema(node, step), value);
  }
  return node;
}

function memberSchema(node: SchemaNode, step: string | number): SchemaNode {
  if (typeof step === 'number') return node.items ?? {};
  if (node.properties && Object.hasOwn(node.properties, step)) return node.properties[step] ?? {};
  return typeof node.additionalProperties === 'object' ? node.additionalProperties : {};
}

/** A schema with its references, its kind and its `else` branch followed; what stands nearer wins. */
export function resolved(node: SchemaNode, value?: unknown): SchemaNode {
  let whole = node;
  if (node.$ref) {
    const target = SCHEMA.definitions?.[node.$ref.replace('#/definitions/', '')] ?? {};
    whole = { ...resolved(target, value), ...node };
  }
  if (whole.oneOf) {
    const kind = (value as { kind?: unknown } | null | undefined)?.kind;
    const branches = whole.oneOf.map((branch) => resolved(branch));
    whole = { ...whole, ...branches.find((branch) => branch.properties?.['kind']?.const === kind) };
  }
  return whole.else && whole.type !== 'object' ? { ...resolved(whole.else, value), ...whole } : whole;
}
