import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import SQLite from 'better-sqlite3';
import { Random } from '../../src/quickstart/random.ts';

/** Records at scale 1. */
export const VOLUMES = {
  accounts: 400,
  contacts: 2_000,
  deals: 1_200,
  dealContacts: 2_500,
  tasks: 3_000,
} as const;

const COUNTRIES = ['FR', 'DE', 'BE', 'ES', 'IT', 'CH', 'US'];
const SEGMENTS = ['startup', 'smb', 'enterprise'];
const STAGES = ['lead', 'qualified', 'in negotiation', 'won', 'lost'];
const TAGS = ['newsletter', 'vip', 'a,b', 'says "hi"', 'évènement', ''];
const ROLES = ['participant', 'decision maker', 'gate~keeper', '100 % sceptic'];

/** Makes the MVP's file with data that is the same for the same seed. */
export async function makeLegacy(
  file: string,
  {
    scale = 1,
    seed = 7,
    tasks,
  }: { scale?: number; seed?: number; /** So many tasks, whatever the scale. */ tasks?: number } = {},
): Promise<void> {
  const database = new SQLite(file);
  try {
    database.pragma('journal_mode = WAL');
    database.exec(await readFile(join(import.meta.dirname, 'legacy.sql'), 'utf8'));
    database.transaction(() => fill(database, new Random(seed), scale, tasks))();
  } finally {
    database.close();
  }
}

function fill(database: SQLite.Database, random: Random, scale: number, tasks?: number): void {
  const count = (name: keyof typeof VOLUMES) =>
    Math.max(scale > 0 ? 2 : 0, Math.round(VOLUMES[name] * scale));
  const moment = () =>
    `2026-0${random.int(1, 9)}-${random.int(10, 28)} ${random.int(10, 23)}:${random.int(10, 59)}:07.${random.digits(3)}`;
  const day = () => (random.chance(0.3) ? null : `2026-1${random.int(0, 2)}-${random.int(10, 28)}`);

  const account = database.prepare('INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const accounts = Array.from({ length: count('accounts') }, (_, index) => {
    const id = random.uuid();
    const vat = random.chance(0.8) ? `FR${String(index).padStart(9, '0')}` : null;
    // More digits than a double holds: the MVP kept them as text for a reason.
    const revenue = random.chance(0.7)
      ? `${random.int(1, 99)}${random.digits(15)}.${random.digits(3)}1`
      : null;
    account.run(
      id,
      `Société ${index} & fils`,
      vat,
      random.pick(COUNTRIES),
      random.pick(SEGMENTS),
      revenue,
      null,
      moment(),
      moment(),
    );
    return id;
  });

  const contact = database.prepare('INSERT INTO contacts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const contacts = Array.from({ length: count('contacts') }, (_, index) => {
    const of = random.chance(0.9) ? random.pick(accounts) : null;
    const notes = random.chance(0.3) ? `Appelée le ${day()} – "rappeler", 🌳` : null;
    return contact.run(
      of,
      `contact${index}@example.fr`,
      `Élodie O’Neill ${index}`,
      random.chance(0.5) ? '+33 1 23 45 67 89' : null,
      Number(random.chance(0.6)),
      random.int(0, 100),
      JSON.stringify(random.some(TAGS, 3)),
      notes,
      moment(),
      moment(),
    ).lastInsertRowid;
  });

  const deal = database.prepare('INSERT INTO deals VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  const deals = Array.from({ length: count('deals') }, (_, index) => {
    const details = random.chance(0.5)
      ? JSON.stringify({ source: 'fair', tries: [index, null], big: { n: 1 } })
      : null;
    const amount = random.int(0, 50_000_000) / 100;
    return deal.run(
      random.pick(accounts),
      `Affaire ${index}`,
      random.pick(STAGES),
      amount,
      'EUR',
      day(),
      details,
      moment(),
      moment(),
    ).lastInsertRowid;
  });

  const link = database.prepare('INSERT OR IGNORE INTO deal_contacts VALUES (?, ?, ?, ?, ?)');
  for (let index = 0; index < count('dealContacts'); index++)
    link.run(
      random.pick(deals),
      random.pick(contacts),
      random.pick(ROLES),
      random.int(0, 10_000) / 10_000,
      1_790_000_000_000 + index,
    );

  const task = database.prepare('INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
  for (let index = 0; index < (tasks ?? count('tasks')); index++)
    task.run(
      random.uuid(),
      deals.length > 0 && random.chance(0.8) ? random.pick(deals) : null,
      `Rappeler ${index}`,
      null,
      day(),
      Number(random.chance(0.4)),
      random.int(0, 5),
      'lou',
      moment(),
      moment(),
    );
}
