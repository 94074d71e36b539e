import type { LegacyTable } from './legacy-schema.ts';
import type { Random } from './random.ts';
import * as words from './sample-words.ts';

/** A row of a legacy table, every column given; decimals and timestamps as text, so that nothing is rounded. */
export type SampleRow = Record<string, unknown>;

/** Makes the `index`-th row of a table; `keys` gives the ids of a table that was made before. */
type RowMaker = (random: Random, index: number, keys: (table: LegacyTable) => readonly string[]) => SampleRow;

export const ROW_MAKERS: Readonly<Record<LegacyTable, RowMaker>> = {
  clients: (random, index) => {
    const person = name(random);
    return {
      id: random.uuid(),
      name: person,
      email: email(random, person, index),
      tel: optional(random, telephone),
      siret: optional(random, () => random.digits(14)),
      status: random.pick(words.CLIENT_STATUS),
      address: optional(random, address),
      tags: tags(random),
      metadata: optional(random, document),
      revenue: optional(random, amount),
      loyalty_points: random.int(0, 5_000),
      newsletter: random.chance(0.4),
      notes: text(random),
      first_contact_on: optional(random, day),
      engagement_count: 0,
      last_engagement_at: null,
      ...stamps(random),
    };
  },
  services: (random, index) => ({
    id: random.uuid(),
    code: `SRV-${String(index + 1).padStart(5, '0')}`,
    name: `${random.pick(words.TRADES)} ${random.pick(words.CATEGORIES)} n° ${index + 1}`,
    description: text(random),
    category: random.pick(words.CATEGORIES),
    price: `${random.int(0, 2_000)}.${random.digits(2)}`,
    duration_minutes: random.pick([15, 30, 45, 60, 90, 120]),
    active: random.chance(0.9),
    tags: tags(random),
    options: optional(random, document),
    available_from: optional(random, day),
    ...stamps(random),
  }),
  engagements: (random, index, keys) => ({
    id: random.uuid(),
    reference: `RDV-2025-${String(index + 1).padStart(6, '0')}`,
    client_id: random.pick(keys('clients')),
    service_id: random.pick(keys('services')),
    status: random.pick(words.ENGAGEMENT_STATUS),
    scheduled_at: moment(random, 2024, 2027),
    completed_at: optional(random, () => moment(random, 2024, 2026)),
    duration_minutes: random.pick([15, 30, 45, 60, 90, 120]),
    amount: optional(random, amount),
    paid: random.chance(0.5),
    notes: random.chance(0.98) ? optional(random, () => random.pick(words.REMARKS)) : text(random),
    tags: tags(random),
    details: random.chance(0.3) ? document(random) : null,
    follow_up_on: optional(random, day),
    ...stamps(random),
  }),
  companies: (random, index) => ({
    id: random.uuid(),
    name: `${random.pick(words.TRADES)} ${random.pick(words.LAST_NAMES)} & fils ${index + 1}`,
    siret: optional(random, () => random.digits(14)),
    vat_number: optional(random, () => `FR${random.digits(11)}`),
    email: optional(random, () => `contact${index + 1}@entreprise.example`),
    tel: optional(random, telephone),
    sector: random.pick(words.SECTORS),
    address: optional(random, address),
    employees: optional(random, () => random.pick([0, 1, 12, 250, 2_147_483_647])),
    revenue: optional(random, amount),
    active: random.chance(0.9),
    tags: tags(random),
    metadata: optional(random, document),
    founded_on: optional(random, day),
    ...stamps(random),
  }),
  leads: (random, index, keys) => {
    const person = name(random);
    return {
      id: random.uuid(),
      name: person,
      email: optional(random, () => email(random, person, index)),
      tel: optional(random, telephone),
      company_id: optional(random, () => random.pick(keys('companies'))),
      stage: random.pick(words.LEAD_STAGES),
      source: random.pick(words.SOURCES),
      score: random.int(-10, 100),
      estimated_value: optional(random, amount),
      contactable: random.chance(0.8),
      message: text(random),
      tags: tags(random),
      metadata: optional(random, document),
      next_contact_on: optional(random, day),
      converted_at: optional(random, () => moment(random, 2024, 2026)),
      ...stamps(random),
    };
  },
};

/** A quarter of what may be unset is. */
function optional<T>(random: Random, make: (random: Random) => T): T | null {
  return random.chance(0.25) ? null : make(random);
}

function name(random: Random): string {
  return `${random.pick(words.FIRST_NAMES)} ${random.pick(words.LAST_NAMES)}`;
}

/** Unique by its number; sometimes in capitals, for addresses are kept as they were typed. */
function email(random: Random, person: string, index: number): string {
  const plain = person
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^a-z]+/g, '.');
  const local = plain.replace(/^\.|\.$/g, '');
  const address = `${local || 'client'}+${index + 1}@mail.example`;
  return random.chance(0.05) ? address.toUpperCase() : address;
}

/** The empty string is not null: the old forms wrote the one, the imports the other. */
function telephone(random: Random): string {
  return random.chance(0.1)
    ? ''
    : random.pick([`+33 6 ${random.digits(8)}`, `0${random.digits(9)}`, '(0) 1.23.45.67.89']);
}

function address(random: Random): SampleRow {
  return {
    street: `${random.int(1, 200)} bis, rue "${random.pick(words.LAST_NAMES)}"`,
    zip: random.digits(5),
    city: random.pick(words.CITIES),
    country: random.chance(0.9) ? 'FR' : null,
    geo: { lat: random.int(-90_000, 90_000) / 1_000, lon: random.int(-180_000, 180_000) / 1_000 },
  };
}

/** A nested document with names in both cases, which no mapping may touch; now and then an array or a bare text. */
function document(random: Random): unknown {
  if (random.chance(0.03)) return [1, 'two', null, { three: [] }];
  if (random.chance(0.02)) return random.pick(['just text', '']);
  return {
    first_seen: day(random),
    preferredChannel: random.pick(['email', 'tel', null]),
    scores: [random.int(-5, 5), random.int(0, 1_000) / 8, 0],
    nested_part: { snake_key: { camelKey: [null, { deep: random.pick(words.REMARKS) }, [], {}] } },
    'odd key, "quoted"': random.chance(0.5),
  };
}

function tags(random: Random): string[] {
  return random.some(words.TAGS, 4);
}

function amount(random: Random): string {
  return random.chance(0.2) ? random.pick(words.AMOUNTS) : `${random.int(0, 250_000)}.${random.digits(2)}`;
}

/** One text in a hundred is of 20 kB. */
function text(random: Random): string | null {
  if (random.chance(0.3)) return null;
  const remark = random.pick(words.REMARKS);
  return random.chance(0.99)
    ? remark
    : `${remark} ${'Un long compte rendu, écrit à la main… '.repeat(500)}${random.digits(6)}`;
}

function day(random: Random): string {
  return moment(random, 1970, 2026).slice(0, 10);
}

/** A moment in UTC with microseconds, though many of them are zero. */
function moment(random: Random, fromYear: number, toYear: number): string {
  const from = Date.UTC(fromYear, 0, 1) / 1_000;
  const second = new Date(random.int(from, Date.UTC(toYear, 0, 1) / 1_000 - 1) * 1_000)
    .toISOString()
    .slice(0, 19);
  return `${second}.${random.pick([random.digits(6), random.digits(6), `${random.digits(3)}000`, '000000'])}Z`;
}

function stamps(random: Random): { created_at: string; updated_at: string } {
  const [created, updated] = [moment(random, 2020, 2026), moment(random, 2020, 2026)].sort();
  return { created_at: created as string, updated_at: updated as string };
}
