import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What validation looks at besides the text: files that the configuration names. Tests and `init` may bring their own. */
export interface Disk {
  /** Text of a Prisma schema, of all its files for a folder; null where there is none that can be read. */
  prismaSchema(path: string): string | null;
  isFile(path: string): boolean;
}

export const DISK: Disk = {
  prismaSchema(path) {
    try {
      if (!statSync(path).isDirectory()) return readFileSync(path, 'utf8');
      const names = readdirSync(path, { recursive: true, encoding: 'utf8' });
      const files = names.filter((name) => name.endsWith('.prisma')).sort();
      return files.length > 0 ? files.map((name) => readFileSync(join(path, name), 'utf8')).join('\n') : null;
    } catch {
      // Whatever the reason, the file cannot be used; the rule that asks reports it with its place.
      return null;
    }
  },
  isFile: (path) => statSync(path, { throwIfNoEntry: false })?.isFile() ?? false,
};

/** A field as far as the configuration needs it. */
export interface FieldOutline {
  /** Name of the Prisma type without `?` and `[]`. */
  type: string;
  list: boolean;
  /** Whether it may be null. */
  optional: boolean;
  /** Whether the id is this field, or this among others. */
  key: boolean;
  /** Whether it is a text here that the database has as a UUID. */
  uuid: boolean;
}

/** Fields by name, without relations. */
export type ModelOutline = ReadonlyMap<string, FieldOutline>;

const BLOCK = /^[ \t]*(model|enum|type|view)[ \t]+(\w+)[ \t]*\{([^}]*(?:\}(?![ \t]*(?:\/\/.*)?$)[^}]*)*)\}/gm;
const FIELD = /^[ \t]*(\w+)[ \t]+(\w+)(?:\([^)]*\))?(\[\])?(\?)?/;

const COMPOSITE_ID = /^[ \t]*@@id\([^[\n]*\[([^\]]*)\]/m;

/**
 * Models of a Prisma schema: names and types only, enough to check names while the file is edited. `banyan check`
 * reads the schema with Prisma itself.
 */
export function outlineModels(schema: string): ReadonlyMap<string, ModelOutline> {
  const blocks = [...schema.replace(/\r\n?/g, '\n').matchAll(BLOCK)];
  const models = new Set(blocks.filter((block) => block[1] === 'model').map((block) => block[2]));
  const outlines = new Map<string, ModelOutline>();
  for (const [, kind, name, body] of blocks) {
    if (kind !== 'model' || name === undefined || body === undefined) continue;
    const composite = COMPOSITE_ID.exec(body)?.[1]
      ?.split(',')
      .map((field) => field.trim().replace(/\W.*$/, ''));
    const fields = body.split('\n').flatMap((line): [string, FieldOutline][] => {
      const [, field, type, list, optional] = FIELD.exec(line) ?? [];
      if (field === undefined || type === undefined || models.has(type)) return [];
      const key = composite?.includes(field) ?? /\s@id\b/.test(line);
      const uuid = /\s@db\.Uuid\b/.test(line);
      return [[field, { type, list: list !== undefined, optional: optional !== undefined, key, uuid }]];
    });
    outlines.set(name, new Map(fields));
  }
  return outlines;
}
