import type { Random } from '../../src/quickstart/random.ts';

/** The number of the first version that a load writes; whatever is below it in a record was there before. */
export const FIRST_VERSION = 10_000;

type Body = Record<string, unknown>;

/** Reads versions of keys in a store, past the gateways; a key that is not there is not in the answer. */
export type VersionReader = (keys: readonly string[]) => Promise<Map<string, number>>;

/** What a load writes in records of one resource, so that a reader can tell which write it sees. */
export interface Subject {
  path: string;
  /** How its answers are wrapped; left out: `success-data`. */
  envelope?: 'success-data' | 'none';
  /** Sent with every request, e.g. a token. */
  headers?: Readonly<Record<string, string>>;
  /** Public name of its id; left out: `id`. */
  key?: string;
  /** A new id of the client's own; left out: a UUID. Null: only the gateway makes them. */
  newKey?: ((random: Random) => string) | null;
  /** Field that holds the version, and the text that goes with it: the two in disagreement are a torn record. */
  version: string;
  text: string;
  /** A filter that finds all records of one owner; its values are up to 14 digits. */
  group: string;
  /** The body of a create or replacement. `label` is unique per record. */
  whole(label: string, group: string, version: number): Body;
}

const textOf = (version: number) => `version ${version} – "é, 'quoted', 🌳"`;

/** Resources of system E that a load can write. */
export const SUBJECTS = {
  clients: {
    path: '/api/clients',
    version: 'loyaltyPoints',
    text: 'notes',
    group: 'siret',
    whole: (label, group, version) => ({
      name: `Load ${label}`,
      email: `${label}@load.example`,
      siret: group,
      tags: ['load', 'a,b'],
      metadata: { of: group, nested: [version, null] },
      revenue: 1234.5,
      loyaltyPoints: version,
      notes: textOf(version),
    }),
  },
  companies: {
    path: '/api/companies',
    version: 'employees',
    text: 'email',
    group: 'sector',
    whole: (label, group, version) => ({
      name: `Load ${label}`,
      sector: group,
      employees: version,
      email: textOf(version),
    }),
  },
  leads: {
    path: '/api/leads',
    version: 'score',
    text: 'message',
    group: 'source',
    whole: (label, group, version) => ({
      name: `Load ${label}`,
      source: group,
      score: version,
      message: textOf(version),
    }),
  },
} as const satisfies Record<string, Subject>;

export type SubjectName = keyof typeof SUBJECTS;

/** Where system E keeps the version of a subject: table and column, the same on both sides. */
const COLUMNS: Readonly<Record<SubjectName, readonly [table: string, column: string]>> = {
  clients: ['clients', 'loyalty_points'],
  companies: ['companies', 'employees'],
  leads: ['leads', 'score'],
};

/** Runs a statement in a database; rows as objects. */
export type StoreQuery = (text: string, parameters: unknown[]) => Promise<Record<string, unknown>[]>;

/** The versions of a subject of system E in one of its databases. */
export function versionsIn(name: SubjectName, query: StoreQuery): VersionReader {
  const [table, column] = COLUMNS[name];
  return versionsOf(
    query,
    `SELECT id::text AS key, ${column} AS version FROM ${table} WHERE id = ANY($1::uuid[])`,
  );
}

/** `text`: selects `key` and `version` of the keys in its one parameter. */
export function versionsOf(query: StoreQuery, text: string): VersionReader {
  return async (keys) => {
    const rows = await query(text, [keys]);
    return new Map(rows.map(({ key, version }) => [String(key), Number(version ?? 0)]));
  };
}

/** The body of a PATCH to a version: it leaves everything else as it is. */
export function changeTo(subject: Subject, version: number): Body {
  return { [subject.version]: version, [subject.text]: textOf(version) };
}

/** Ids of the records of a list. */
export function keysIn({ key = 'id' }: Subject, records: unknown): string[] {
  return (records as Body[]).map((record) => String(record[key]));
}

/** The version that a record shows; 0: none of the load's; a text: what is wrong with the record. */
export function versionIn(subject: Subject, record: Body): number | string {
  const version = Number(record[subject.version] ?? 0);
  if (version < FIRST_VERSION) return 0;
  if (record[subject.text] === textOf(version)) return version;
  return `it has version ${version} with the text ${JSON.stringify(record[subject.text])}`;
}
