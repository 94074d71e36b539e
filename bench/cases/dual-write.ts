import { compareLatency } from '../compare.ts';
import { CREATE, startBenchGateway, startLegacy } from '../gateways.ts';
import type { Case } from './case.ts';

/** What the mark costs a client: the same write in mode `dual-write` and in mode `legacy`. */
export const dualWrite: Case = {
  name: 'dual-write',
  async run(place, effort) {
    const store = await startLegacy(place, 0.1);
    const ours = await startBenchGateway(place, store, { clients: 'dual-write' });
    const other = await startBenchGateway(place, store);
    const pair = { ours, other, shape: CREATE };
    const aim = { atMost: 1.3 };
    return [
      await compareLatency('dual-write, POST p50, at a rate', pair, effort, { figure: 'p50', rate: 60, aim }),
      await compareLatency('dual-write, POST p50, saturated', pair, effort, {
        figure: 'p50',
        rate: null,
        aim,
      }),
    ];
  },
};
