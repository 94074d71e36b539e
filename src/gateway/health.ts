import { isBanyanError } from '../domain/errors.ts';
import type { Side, StoreKind } from '../domain/words.ts';
import type { Family } from '../observability/prometheus.ts';
import type { BreakerState, StoreFigures } from '../stores/figures.ts';

/** A store as probes see it. */
export interface ProbedStore {
  name: string;
  kind: StoreKind;
  ping(): Promise<void>;
  figures: StoreFigures;
}

export type Connection = 'connected' | 'disconnected' | 'error';

export interface Health {
  status: 'ok' | 'degraded';
  databases: Record<string, Connection>;
  /** What is left alone at the moment because it failed too often; left out: nothing. */
  resting?: string[];
  timestamp: string;
}

/** A store that takes longer for nothing at all is as good as gone; ms. */
const PATIENCE = 2_000;

/** Kinds that operators call by the name of their database; others by the name of the store. */
const DATABASES: Readonly<Partial<Record<StoreKind, string>>> = { mongo: 'mongodb', prisma: 'postgresql' };

/** Asks every store whether it is there, all at the same time. */
export async function healthOf(stores: readonly ProbedStore[], others: Others): Promise<Health> {
  const states = await Promise.all(
    stores.map(async (store) => [labelOf(store, stores), await probe(store)] as const),
  );
  const resting = restingOf(stores, others);
  const connected = states.every(([, state]) => state === 'connected');
  return {
    status: connected ? 'ok' : 'degraded',
    databases: Object.fromEntries(states),
    ...(resting.length > 0 ? { resting } : {}),
    timestamp: new Date().toISOString(),
  };
}

/** What may be left alone besides stores. */
interface Others {
  upstream: BreakerState | null;
  services: readonly ProbedService[];
}

/** In words. One that is being tried is left alone by all other requests. */
function restingOf(stores: readonly ProbedStore[], { upstream, services }: Others): string[] {
  const rests = (breaker: BreakerState | null) => breaker !== null && breaker !== 'closed';
  return [
    ...stores.filter(({ figures }) => rests(figures.breaker)).map(({ name }) => `store ${name}`),
    ...(rests(upstream) ? ['upstream'] : []),
    ...services
      .filter(({ figures }) => rests(figures.breaker))
      .map(({ operation, side }) => `service of operation ${operation} on ${side}`),
  ];
}

function labelOf({ name, kind }: ProbedStore, stores: readonly ProbedStore[]): string {
  const database = DATABASES[kind];
  return database && stores.filter((other) => other.kind === kind).length === 1 ? database : name;
}

async function probe(store: ProbedStore): Promise<Connection> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Connection>((resolve) => {
    timer = setTimeout(() => resolve('disconnected'), PATIENCE);
  });
  const answered = store.ping().then(
    (): Connection => 'connected',
    (error: unknown): Connection =>
      isBanyanError(error, 'store-unreachable', 'store-timeout', 'store-overloaded')
        ? 'disconnected'
        : 'error',
  );
  return await Promise.race([answered, late]).finally(() => clearTimeout(timer));
}

/** What passed through each store since it was opened. */
export function storeFamilies(stores: readonly ProbedStore[]): Family[] {
  const requests = stores.flatMap(({ name, kind, figures }) =>
    [...figures.requests.values()].map(({ operation, result, count, time }) => ({
      labels: { store: name, kind, operation, result },
      count,
      time,
    })),
  );
  const each = (value: (figures: StoreFigures) => number) =>
    stores.map(({ name, kind, figures }) => ({ labels: { store: name, kind }, value: value(figures) }));
  return [
    {
      name: 'banyan_store_requests_total',
      help: 'Requests to a store by result: ok, or the code of the error.',
      type: 'counter',
      samples: requests.map(({ labels, count }) => ({ labels, value: count })),
    },
    {
      name: 'banyan_store_request_seconds_total',
      help: 'Time that those requests took, all together.',
      type: 'counter',
      samples: requests.map(({ labels, time }) => ({ labels, value: time / 1_000 })),
    },
    {
      name: 'banyan_store_retries_total',
      help: 'Attempts after a first one that failed.',
      type: 'counter',
      samples: each(({ retries }) => retries),
    },
    {
      name: 'banyan_store_rows_folded_total',
      help: 'Rows that were read for statistics that the store could not make.',
      type: 'counter',
      samples: each(({ folded }) => folded),
    },
    {
      name: 'banyan_store_breaker_open',
      help: 'Whether the store is left alone at the moment.',
      type: 'gauge',
      samples: each(({ breaker }) => (breaker === 'open' ? 1 : 0)),
    },
  ];
}

/** The service of one side of an operation. */
export interface ProbedService {
  operation: string;
  side: Side;
  figures: { retries: number; breaker: BreakerState | null };
}

export function upstreamFamilies({ retries, open }: { retries: number; open: boolean }): Family[] {
  return [
    {
      name: 'banyan_upstream_retries_total',
      help: 'Attempts after a first one to which the upstream gave no answer.',
      type: 'counter',
      samples: [{ labels: {}, value: retries }],
    },
    {
      name: 'banyan_upstream_breaker_open',
      help: 'Whether the upstream is left alone at the moment.',
      type: 'gauge',
      samples: [{ labels: {}, value: open ? 1 : 0 }],
    },
  ];
}

export function serviceFamilies(services: readonly ProbedService[]): Family[] {
  const each = (value: (figures: ProbedService['figures']) => number) =>
    services.map(({ operation, side, figures }) => ({ labels: { operation, side }, value: value(figures) }));
  return [
    {
      name: 'banyan_service_retries_total',
      help: 'Attempts after a first one to which the service of an operation gave no answer.',
      type: 'counter',
      samples: each(({ retries }) => retries),
    },
    {
      name: 'banyan_service_breaker_open',
      help: 'Whether the service of an operation is left alone at the moment.',
      type: 'gauge',
      samples: each(({ breaker }) => (breaker === 'open' ? 1 : 0)),
    },
  ];
}

/** Requests of clients by route and status. */
export class RequestCounter {
  readonly #counts = new Map<string, { labels: Record<string, string>; count: number; time: number }>();

  /** `time` in milliseconds. */
  add(labels: { route: string; method: string; status: string }, time: number): void {
    const key = `${labels.method} ${labels.status} ${labels.route}`;
    const one = this.#counts.get(key) ?? { labels, count: 0, time: 0 };
    one.count += 1;
    one.time += time;
    this.#counts.set(key, one);
  }

  families(): Family[] {
    const all = [...this.#counts.values()];
    return [
      {
        name: 'banyan_requests_total',
        help: 'Requests of clients by route and status.',
        type: 'counter',
        samples: all.map(({ labels, count }) => ({ labels, value: count })),
      },
      {
        name: 'banyan_request_seconds_total',
        help: 'Time that those requests took, all together.',
        type: 'counter',
        samples: all.map(({ labels, time }) => ({ labels, value: time / 1_000 })),
      },
    ];
  }
}
