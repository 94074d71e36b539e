import type { ErrorObject } from 'ajv';
import { type Finding, type Path, oneOf, shown } from './problem.ts';
import { SCHEMA, type SchemaNode, resolved, schemaAt } from './schema.ts';
import { nearest } from './suggest.ts';

type Translate = (error: ErrorObject, path: Path, tree: unknown) => Finding | null;

/** One row per keyword of the schema. Keywords that only say that something within them is wrong say nothing here. */
const KEYWORDS: Readonly<Record<string, Translate>> = {
  additionalProperties: unknownKey,
  required: missingKey,
  propertyNames: () => null,
  discriminator: wrongKind,
  if: () => null,
  oneOf: () => null,
};

/** An error of ajv in the words of the file. */
export function schemaFinding(error: ErrorObject, tree: unknown): Finding | null {
  const path = pathOf(error.instancePath, tree);
  if (error.propertyName !== undefined) return wrongName(error, path);
  const translate = KEYWORDS[error.keyword] ?? wrongValue;
  return translate(error, path, tree);
}

function unknownKey(error: ErrorObject, path: Path, tree: unknown): Finding {
  const name = (error.params as { additionalProperty: string }).additionalProperty;
  const allowed = Object.keys(schemaAt(path, tree).properties ?? {});
  const present = error.data as Record<string, unknown>;
  const near = nearest(
    name,
    allowed.filter((candidate) => !Object.hasOwn(present, candidate)),
  );
  return {
    path: [...path, name],
    at: 'key',
    found: `the unknown key ${shown(name)}`,
    expected: oneOf(allowed),
    ...(near ? { suggestion: `"${near}"` } : {}),
  };
}

function missingKey(error: ErrorObject, path: Path, tree: unknown): Finding {
  const name = (error.params as { missingProperty: string }).missingProperty;
  const wanted = schemaAt([...path, name], tree);
  const about = wanted.title ?? (wanted.enum ? oneOf(wanted.enum) : null);
  const expected = `"${name}"${about ? `, ${about}` : ''}`;
  return { path: [...path, name], at: 'key', found: `no "${name}"`, expected };
}

function wrongKind(error: ErrorObject, path: Path, tree: unknown): Finding {
  const kinds = (resolved(SCHEMA.definitions?.['store'] ?? {}).oneOf ?? []).map(
    (branch) => resolved(branch).properties?.['kind']?.const ?? '',
  );
  const { tagValue } = error.params as { tagValue: unknown };
  if (tagValue === undefined)
    return { path: [...path, 'kind'], at: 'key', found: 'no "kind"', expected: oneOf(kinds) };
  return wrongValue({ ...error, data: tagValue, parentSchema: { enum: kinds } }, [...path, 'kind'], tree);
}

function wrongName(error: ErrorObject, path: Path): Finding | null {
  const name = error.propertyName ?? '';
  const { title } = error.parentSchema as SchemaNode;
  if (!title) return null;
  return { path: [...path, name], at: 'key', found: shown(name), expected: title, ...suggestName(name) };
}

function suggestName(name: string): { suggestion?: string } {
  const better = name.toLowerCase().replace(/[^a-z0-9_-]+/g, '-');
  return /^[a-z]/.test(better) && better !== name ? { suggestion: `"${better}"` } : {};
}

function wrongValue(error: ErrorObject, path: Path, tree: unknown): Finding {
  const schema = error.parentSchema as SchemaNode;
  const near = schemaAt(path, tree);
  const secret = near.writeOnly === true;
  const found = secret && typeof error.data === 'string' ? 'a text that is not shown' : shown(error.data);
  const expected = expectedBy(schema, near, error);
  const suggestion = secret ? null : betterValue(error.data, schema);
  return { path, at: 'value', found, expected, ...(suggestion ? { suggestion } : {}) };
}

function expectedBy(schema: SchemaNode, near: SchemaNode, error: ErrorObject): string {
  if (schema.enum) return oneOf(schema.enum);
  const title = schema.title ?? near.title;
  if (title) return title;
  if (error.keyword === 'minProperties' || error.keyword === 'minItems') return 'at least one entry';
  return schema.type === 'boolean' ? 'true or false' : `a value of type ${String(schema.type)}`;
}

/** What was probably meant by a value that does not fit, or null. */
function betterValue(data: unknown, schema: SchemaNode): string | null {
  if (schema.enum) return typeof data === 'string' ? quoted(nearest(data, schema.enum)) : null;
  if (typeof data === 'number' && schema.pattern?.includes('(ms|s|m|h)'))
    return quoted(`${data}s`, schema.pattern);
  if (typeof data === 'number' && schema.pattern?.includes('%')) return quoted(`${data}%`, schema.pattern);
  if (typeof data !== 'string' || !schema.pattern) return schema.type === 'boolean' ? yesOrNo(data) : null;
  const tidy = data.trim().replace(/\s+/g, '').toLowerCase();
  const shorter = tidy.replace(/(sec|secs|seconds?)$/, 's').replace(/(min|mins|minutes?)$/, 'm');
  const path = tidy.startsWith('/') ? tidy : `/${tidy}`;
  const candidates = [tidy, shorter, path.replace(/\?.*$/, '').replace(/\/+/g, '/').replace(/\/$/, '')];
  return (
    candidates.map((candidate) => quoted(candidate, schema.pattern)).find((text) => text !== null) ?? null
  );
}

function yesOrNo(data: unknown): string | null {
  const words: Readonly<Record<string, string>> = {
    yes: 'true',
    on: 'true',
    true: 'true',
    no: 'false',
    off: 'false',
    false: 'false',
  };
  const word = String(data).toLowerCase();
  return Object.hasOwn(words, word) ? (words[word] ?? null) : null;
}

function quoted(text: string | null, pattern = ''): string | null {
  return text !== null && new RegExp(pattern).test(text) ? `"${text}"` : null;
}

/** A JSON pointer as a path; items of lists become numbers. */
function pathOf(instancePath: string, tree: unknown): Path {
  const steps = instancePath.split('/').slice(1);
  let value = tree;
  return steps.map((step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~');
    const key = Array.isArray(value) ? Number(name) : name;
    value = (value as Record<string | number, unknown> | undefined)?.[key];
    return key;
  });
}
