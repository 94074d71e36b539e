import { compareThroughput } from '../compare.ts';
import { startBenchGateway, startLegacy } from '../gateways.ts';
import type { Case } from './case.ts';

/** Standing in front of a product, against the plainest proxy in front of it. */
export const passThrough: Case = {
  name: 'pass-through',
  async run(place, effort) {
    const legacy = await startLegacy(place, 0);
    const upstream = await place.server('upstream');
    const other = await place.server('bare-proxy', { UPSTREAM: upstream.url });
    const ours = await startBenchGateway(place, legacy, { upstream: upstream.url });
    const get = { method: 'GET', paths: ['/orders/1?with=lines', '/', '/static/app.css'] } as const;
    const post = {
      method: 'POST',
      paths: ['/orders'],
      body: () => '{"lines":[{"sku":"a","count":2}]}',
    } as const;
    const aim = { atLeast: 0.95 };
    return [
      await compareThroughput('pass-through, GET', { ours, other, shape: get }, effort, aim),
      await compareThroughput('pass-through, POST', { ours, other, shape: post }, effort, aim),
    ];
  },
};
