import { withClient } from '../../src/quickstart/accounts.ts';
import type { Mode } from '../../src/domain/words.ts';
import { CREATE, startBenchGateway, startLegacy, type Gateway } from '../gateways.ts';
import { steady, type Load } from '../load.ts';
import { round } from '../report.ts';
import { median } from '../statistics.ts';
import type { Case } from './case.ts';

/** Tried from the first on: the machine decides what it can bear beside the load itself. */
const RATES = [500, 250, 120, 60];
/** A rate is borne when a write takes no longer than this in the middle; ms. */
const BEARABLE = 150;

/** The pause of a switch under writes, there and back, as each gateway reports it and as the clients feel it. */
export const switching: Case = {
  name: 'switch',
  async run(place, effort) {
    const store = await startLegacy(place, 0.1);
    const gateway = await startBenchGateway(place, store, { clients: 'shadow' });
    const rate = await bearable(gateway);
    let stop = false;
    const loads: Load[] = [];
    const load = (async () => {
      while (!stop) loads.push(await steady(gateway, CREATE, rate, 2));
    })();
    for (let time = 0; time < effort.rounds; time += 1) {
      for (const mode of ['live', 'shadow'] satisfies Mode[]) await gateway.walk('clients', mode);
    }
    stop = true;
    await load;
    const pauses = await readPauses(gateway.databaseUrl);
    const longest = Math.max(...pauses.map(({ max }) => max));
    const failed = loads.reduce((sum, { failed: some }) => sum + some, 0);
    return [
      {
        what: 'switch, longest pause in ms',
        against: `${pauses.length} switches at ${rate} writes/s; p50 of the pauses ${round(median(pauses.map(({ max }) => max)))} ms`,
        result: longest,
        aim: { atMost: 1_000 },
        note: `${pauses.reduce((sum, { held }) => sum + held, 0)} writes held; slowest write ${round(Math.max(...loads.map(({ max }) => max)))} ms`,
      },
      { what: 'switch, failed requests', against: '', result: failed, aim: { atMost: 0 } },
    ];
  },
};

async function bearable(gateway: Gateway): Promise<number> {
  await steady(gateway, CREATE, 50, 2);
  for (const rate of RATES) {
    if ((await steady(gateway, CREATE, rate, 2)).p50 <= BEARABLE) return rate;
  }
  return RATES.at(-1) as number;
}

/** What each flip held: its writes, and how long the longest of them waited. */
async function readPauses(databaseUrl: string): Promise<{ held: number; max: number }[]> {
  return await withClient(databaseUrl, async (client) => {
    const { rows } = await client.query<{ held: number; max: number }>(
      `SELECT held, max_ms AS max FROM banyan.switch_pause JOIN banyan.switch AS s ON s.id = switch_id
       WHERE s.outcome = 'done' AND (s.from_mode, s.to_mode) IN (('shadow', 'live'), ('live', 'shadow'))`,
    );
    return rows;
  });
}
