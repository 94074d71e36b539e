import { isBanyanError } from '../../domain/errors.ts';
import type { ActualColumn, ActualTable, TableSpec } from '../contract.ts';
import type { Channel } from './channel.ts';
import type { Asked } from './errors.ts';

/** What PostgREST says of a table in its OpenAPI document. */
interface Definition {
  /** The columns that are NOT NULL. */
  required?: string[];
  properties?: Record<string, { format?: string; default?: unknown; description?: string }>;
}

/** PostgREST's answer where its document is switched off: it is there, and has taken the key. */
const NO_DOCUMENT = 'PGRST126';

/** Definitions by table, or null from a server that gives none. */
export async function readOpenApi(
  channel: Channel,
  asked: Asked,
): Promise<Record<string, Definition> | null> {
  const headers = { ...channel.headers, accept: 'application/openapi+json' };
  const path = `${new URL(channel.base).pathname}/`;
  const until = performance.now() + channel.timeout;
  const request = { method: 'GET', path, headers, body: null } as const;
  const { body } = await channel.send(request, asked, until).catch((error: unknown) => {
    if (isBanyanError(error, 'store-answer') && error.message.includes(NO_DOCUMENT)) return { body: '' };
    throw error;
  });
  try {
    return (JSON.parse(body) as { definitions?: Record<string, Definition> }).definitions ?? null;
  } catch {
    return null;
  }
}

export function describedTable(definition: Definition, key: string): ActualTable {
  const properties = Object.entries(definition.properties ?? {});
  const columns = properties.map(([name, { format, default: preset }]): ActualColumn => ({
    name,
    nativeType: format ?? 'unknown',
    nullable: !definition.required?.includes(name),
    hasDefault: preset !== undefined,
  }));
  const primary = properties
    .filter(([, { description }]) => description?.includes('<pk/>'))
    .map(([name]) => name);
  // The document marks primary keys only: of another unique column it cannot say so.
  return { columns, keyIsUnique: primary.length === 1 && primary[0] === key ? true : null };
}

/**
 * Where there is no document: asks for each column by name. Finds which columns are missing; their types, and columns
 * that the mapping does not name, stay unknown, so `nullable` is what the mapping says.
 */
export async function probedTable(
  spec: TableSpec,
  probe: (column: string) => Promise<unknown>,
): Promise<ActualTable | null> {
  const columns: ActualColumn[] = [];
  for (const { name, nullable } of spec.columns) {
    const found = await answers(probe(name));
    if (found === 'no-table') return null;
    if (found) columns.push({ name, nativeType: 'unknown', nullable, hasDefault: false });
  }
  return { columns, keyIsUnique: null };
}

const NO_TABLE = /PGRST205|42P01/;
const NO_COLUMN = /PGRST204|42703|column .* does not exist/;

async function answers(probe: Promise<unknown>): Promise<boolean | 'no-table'> {
  try {
    await probe;
    return true;
  } catch (error) {
    if (!isBanyanError(error, 'store-answer')) throw error;
    if (NO_TABLE.test(error.message)) return 'no-table';
    if (NO_COLUMN.test(error.message)) return false;
    throw error;
  }
}
