import { compareLatency } from '../compare.ts';
import { recordPaths, startBenchGateway, startLegacy } from '../gateways.ts';
import type { Case } from './case.ts';

/** What comparing every read costs the clients that read: the same in mode `shadow` and in mode `legacy`. */
export const shadow: Case = {
  name: 'shadow',
  async run(place, effort) {
    const store = await startLegacy(place, 0.1);
    const ours = await startBenchGateway(place, store, { clients: 'shadow' });
    const other = await startBenchGateway(place, store);
    const shape = { method: 'GET', paths: await recordPaths(store.databaseUrl, 500) } as const;
    const aim = { atMost: 1.1 };
    // A 99th percentile needs many requests: fewer and longer runs than elsewhere.
    const long = { ...effort, seconds: 2 * effort.seconds };
    return [
      await compareLatency('shadow, GET p99, at a rate', { ours, other, shape }, long, {
        figure: 'p99',
        rate: 100,
        aim,
      }),
    ];
  },
};
