import { compareThroughput } from '../compare.ts';
import { CREATE, LEGACY_KEY, recordPaths, startBenchGateway, startLegacy } from '../gateways.ts';
import type { Case } from './case.ts';

/** Mode `legacy` against a hand-written handler on supabase-js, both on the same legacy store. */
export const legacy: Case = {
  name: 'legacy',
  async run(place, effort) {
    const store = await startLegacy(place, 0.2);
    const other = await place.server('hand-written-supabase', { LEGACY_URL: store.url, LEGACY_KEY });
    const ours = await startBenchGateway(place, store);
    const detail = { method: 'GET', paths: await recordPaths(store.databaseUrl, 500) } as const;
    const aim = { atLeast: 0.9 };
    return [
      await compareThroughput('legacy, GET one', { ours, other, shape: detail }, effort, aim),
      await compareThroughput('legacy, POST', { ours, other, shape: CREATE }, effort, aim),
    ];
  },
};
