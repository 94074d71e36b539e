import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import postgres from 'postgres';
import { fillLegacy } from '../../examples/sqal/data.ts';
import { withClient } from '../../src/quickstart/accounts.ts';
import { configOf, startGateway } from '../../test/harness/gateway.ts';
import { startIssuer } from '../../test/harness/issuer.ts';
import { FOLDER } from '../../test/systems/sqal/place.ts';
import { until } from '../../test/harness/wait.ts';
import { round } from '../report.ts';
import { median } from '../statistics.ts';
import type { Case } from './case.ts';

const SAMPLES = 50_000;
const BATCH = 1_000;
/** Batches that are under way at the same time. */
const SENDERS = 4;

const EDITS: readonly (readonly [RegExp, string])[] = [
  [/timeout: 2s\n/g, 'timeout: 10s\n'],
  [/deadline: 6s\n/g, 'deadline: 30s\n'],
  [/statementTimeout: 2s/, 'statementTimeout: 10s'],
  [/\$\{LOG_LEVEL:-info\}/, 'warn'],
  [/(path: \/v2\/(?:organisations|devices|samples)\n {4}mode: )legacy/g, '$1dual-write'],
  [/rateLimit: .*\n/, 'rateLimit: { max: 1000000 }\n'],
  [/schema: prisma\//, `schema: ${FOLDER}/prisma/`],
  [/: schemas\//g, `: ${FOLDER}/schemas/`],
];

/** Sensor samples sent in batches in `dual-write`, against COPY of as many rows into the same table. */
export const ingest: Case = {
  name: 'ingest',
  async run(place, effort) {
    const legacyUrl = await place.database();
    const newUrl = await place.database();
    const data = await fillLegacy(legacyUrl, { samples: 1 });
    const [organisation] = data.organisations;
    const device = organisation?.devices[0] as string;
    const issuer = await startIssuer(place);
    const config = await configOf(place, `${FOLDER}/routes.config.yaml`, EDITS);
    const env = { LEGACY_DATABASE_URL: legacyUrl, DATABASE_URL: newUrl, OIDC_ISSUER: issuer.url };
    const gateway = await startGateway(place, { config, env });
    const claims = { sub: 'bench', organisation: organisation?.id, realm_access: { roles: ['device'] } };
    const token = await issuer.token(claims, { audience: 'sqal', expiresIn: 3_600 });
    await until(async () => await isFollowed(newUrl), { what: 'samples are in dual-write', timeout: 60_000 });

    const rates: { answered: number; both: number; copy: number }[] = [];
    for (let pass = 0; pass < Math.ceil(effort.rounds / 2); pass += 1) {
      const copy = await timeCopy(legacyUrl, organisation?.id as string, device, pass);
      const started = performance.now();
      await send(gateway.url, token, device, pass);
      const answered = performance.now() - started;
      await until(async () => await isSettled(newUrl), {
        what: 'the new side has all',
        timeout: 300_000,
        every: 50,
      });
      const both = performance.now() - started;
      rates.push({ answered: perSecond(answered), both: perSecond(both), copy });
    }
    const of = (figure: 'answered' | 'both' | 'copy') => round(median(rates.map((rate) => rate[figure])));
    const note = `${round(SAMPLES)} samples in batches of ${round(BATCH)}, ${SENDERS} at a time`;
    return [
      {
        what: 'ingestion in dual-write, until the client has its answers',
        against: `${of('answered')} samples/s against COPY ${of('copy')} rows/s into legacy alone`,
        result: median(rates.map(({ answered, copy }) => answered / copy)),
        aim: null,
        note,
      },
      {
        what: 'ingestion in dual-write, until both sides have all',
        against: `${of('both')} samples/s against COPY ${of('copy')} rows/s into legacy alone`,
        result: median(rates.map(({ both, copy }) => both / copy)),
        aim: null,
        note,
      },
    ];
  },
};

function perSecond(milliseconds: number): number {
  return (SAMPLES * 1_000) / milliseconds;
}

/** Samples of one device, one a second; each pass in a year of its own. */
function moment(pass: number, n: number): string {
  return new Date(Date.UTC(2030 + pass, 0, 1) + n * 1_000).toISOString();
}

async function send(url: string, token: string, device: string, pass: number): Promise<void> {
  let next = 0;
  const sender = async () => {
    for (let from = (next += BATCH) - BATCH; from < SAMPLES; from = (next += BATCH) - BATCH) {
      const lines = Array.from({ length: BATCH }, (_, n) =>
        JSON.stringify({
          deviceId: device,
          takenAt: moment(pass, from + n),
          temperature: 20.125,
          quality: 'high',
        }),
      );
      const response = await fetch(`${url}/v2/samples/batch`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
        body: lines.join('\n'),
      });
      if (response.status !== 201)
        throw new Error(
          `a batch was answered with ${response.status}: ${(await response.text()).slice(0, 300)}`,
        );
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

async function isSettled(url: string): Promise<boolean> {
  const found = await withClient(url, (client) => client.query('SELECT FROM banyan.mark LIMIT 1'));
  return found.rowCount === 0;
}

async function isFollowed(url: string): Promise<boolean> {
  const text =
    "SELECT FROM banyan.resource WHERE name = 'samples' AND mode = 'dual-write' AND stage = 'open'";
  return (await withClient(url, (client) => client.query(text))).rowCount === 1;
}

/** The same samples, straight into the hand-written table. */
async function timeCopy(url: string, organisation: string, device: string, pass: number): Promise<number> {
  const rows = Array.from({ length: SAMPLES }, (_, n) =>
    [randomUUID(), organisation, device, moment(100 + pass, n), '20.125', 'high'].join('\t'),
  );
  await withClient(url, (client) => client.query('CHECKPOINT'));
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const started = performance.now();
    const target =
      await sql`COPY sensor_data (sample_id, org_id, device_id, ts, temp, quality) FROM STDIN`.writable();
    target.end(rows.join('\n') + '\n');
    await once(target, 'finish');
    return perSecond(performance.now() - started);
  } finally {
    await sql.end();
  }
}
