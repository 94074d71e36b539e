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
  if (schema.type === 'boolean') return yesOrNo(data);
  if (schema.enum) return typeof data === 'string' ? quoted(nearest(data, schema.enum)) : null;
  const { pattern } = schema;
  if (pattern === undefined || (typeof data !== 'string' && typeof data !== 'number')) return null;
  const form = FORMS.find(({ marker }) => pattern.includes(marker));
  const candidates = form?.candidates(typeof data === 'string' ? tidy(data) : data) ?? [];
  return quoted(candidates.find((candidate) => new RegExp(pattern).test(candidate)) ?? null);
}

/** Slips in texts of a certain form; a form is known by a part of its pattern. */
const FORMS: readonly { marker: string; candidates(value: string | number): string[] }[] = [
  {
    marker: '(ms|s|m|h)',
    candidates: (value) =>
      typeof value === 'number'
        ? [`${value}s`]
        : [
            value,
            value
              .replace(/sec(ond)?s?$/, 's')
              .replace(/min(ute)?s?$/, 'm')
              .replace(/hours?$/, 'h'),
          ],
  },
  {
    marker: '(b|kb|mb|gb)',
    candidates: (value) => (typeof value === 'number' ? [`${value}b`] : [value, `${value}b`]),
  },
  {
    marker: ')%$',
    // 0.05 is more likely a fraction than a twentieth of a percent; 1 may be either.
    candidates: (value) => {
      const number = Number(value);
      return number === 1 ? [] : [`${number < 1 ? Number((number * 100).toPrecision(9)) : number}%`];
    },
  },
  {
    marker: '^(/',
    candidates: (value) => [
      `/${value}`
        .replace(/[?#].*$/, '')
        .replace(/\/+/g, '/')
        .replace(/\/$/, ''),
    ],
  },
];

function tidy(text: string): string {
  return text.replace(/\s+/g, '').toLowerCase();
}

const WORDS: Readonly<Record<string, readonly unknown[]>> = {
  true: ['yes', 'on', 'true', 1],
  false: ['no', 'off', 'false', 0],
};

function yesOrNo(data: unknown): string | null {
  const word = typeof data === 'string' ? data.toLowerCase() : data;
  return Object.keys(WORDS).find((name) => WORDS[name]?.includes(word)) ?? null;
}

function quoted(text: string | null): string | null {
  return text === null ? null : `"${text}"`;
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
