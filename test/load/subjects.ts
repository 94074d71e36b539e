/** The number of the first version that a load writes; whatever is below it in a record was there before. */
export const FIRST_VERSION = 10_000;

type Body = Record<string, unknown>;

/** What a load writes in records of one resource, so that a reader can tell which write it sees. */
export interface Subject {
  path: string;
  /** Table on both sides, and the column of the version on both. */
  table: string;
  column: string;
  /** Field that holds the version, and the text that goes with it: the two in disagreement are a torn record. */
  version: string;
  text: string;
  /** A filter that finds all records of one owner; its values are up to 14 digits. */
  group: string;
  /** The body of a create or replacement. `label` is unique per record. */
  whole(label: string, group: string, version: number): Body;
}

const textOf = (version: number) => `version ${version} – "é, 'quoted', 🌳"`;

/** Resources that a load can write. */
export const SUBJECTS = {
  clients: {
    path: '/api/clients',
    table: 'clients',
    column: 'loyalty_points',
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
    table: 'companies',
    column: 'employees',
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
    table: 'leads',
    column: 'score',
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

/** The body of a PATCH to a version: it leaves everything else as it is. */
export function changeTo(subject: Subject, version: number): Body {
  return { [subject.version]: version, [subject.text]: textOf(version) };
}

/** The version that a record shows; 0: none of the load's; a text: what is wrong with the record. */
export function versionIn(subject: Subject, record: Body): number | string {
  const version = Number(record[subject.version] ?? 0);
  if (version < FIRST_VERSION) return 0;
  if (record[subject.text] === textOf(version)) return version;
  return `it has version ${version} with the text ${JSON.stringify(record[subject.text])}`;
}
