import { readFile } from 'node:fs/promises';
import { withClient } from '../../src/quickstart/accounts.ts';
import { Random } from '../../src/quickstart/random.ts';

/** What `fillLegacy` has made, for whoever wants to ask for it. */
export interface SqalData {
  organisations: readonly { id: string; devices: readonly string[] }[];
  samples: number;
}

const KINDS = ['thermometer', 'spectrometer', 'rangefinder'] as const;
const QUALITIES = ['low', 'medium', 'high'] as const;
const START = Date.UTC(2026, 0, 1);

/** Makes the hand-written tables in an empty database, and fills them: the same seed, the same rows. */
export async function fillLegacy(
  url: string,
  { seed = 1, samples = 20_000 }: { seed?: number; samples?: number } = {},
): Promise<SqalData> {
  const random = new Random(seed);
  const organisations = ['Ferme du Lac', 'Atelier Sud', 'Coopérative Nord'].map((name) => ({
    id: random.uuid(),
    name,
    devices: Array.from({ length: 4 }, () => random.uuid()),
  }));
  await withClient(url, async (client) => {
    await client.query(await readFile(new URL('legacy.sql', import.meta.url), 'utf8'));
    for (const { id, name, devices } of organisations) {
      await client.query('INSERT INTO organisation (org_id, org_name) VALUES ($1, $2)', [id, name]);
      for (const device of devices)
        await client.query(
          'INSERT INTO device (device_id, org_id, serial_no, kind) VALUES ($1, $2, $3, $4)',
          [device, id, `SN-${random.digits(8)}`, random.pick(KINDS)],
        );
    }
    const rows = Array.from({ length: samples }, (_, n) => sampleRow(random, organisations, n));
    const columns = [0, 1, 2, 3, 4, 5, 6, 7].map((column) => rows.map((row) => row[column]));
    await client.query(
      `INSERT INTO sensor_data (sample_id, org_id, device_id, ts, temp, humidity, quality, spectrum)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::numeric[], $6::numeric[],
                            $7::text[], $8::jsonb[])`,
      columns,
    );
    await client.query('ANALYZE');
  });
  return { organisations, samples };
}

type Cell = string | null;

/** A sample every ten seconds, of one device after the other. */
function sampleRow(
  random: Random,
  organisations: readonly { id: string; devices: readonly string[] }[],
  n: number,
): Cell[] {
  const organisation = organisations[n % organisations.length] as { id: string; devices: readonly string[] };
  const channels = Array.from({ length: 4 }, () => random.int(0, 4_095));
  return [
    random.uuid(),
    organisation.id,
    organisation.devices[Math.floor(n / organisations.length) % organisation.devices.length] as string,
    new Date(START + n * 10_000).toISOString(),
    (random.int(-20_000, 60_000) / 1_000).toFixed(3),
    random.chance(0.1) ? null : (random.int(0, 10_000) / 100).toFixed(2),
    random.pick(QUALITIES),
    random.chance(0.3) ? JSON.stringify({ channels }) : null,
  ];
}
