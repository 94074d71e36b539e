import type { FastifyInstance } from 'fastify';
import { stringifyJson } from '../domain/values.ts';
import { PROMETHEUS_TYPE, prometheusText } from '../observability/prometheus.ts';
import type { UpstreamPolicies } from './forward.ts';
import {
  healthOf,
  type ProbedService,
  type ProbedStore,
  type RequestCounter,
  serviceFamilies,
  storeFamilies,
  upstreamFamilies,
} from './health.ts';

/** What the gateway tells of itself. */
export interface OwnContext {
  /** Whether requests are served. */
  ready: () => boolean;
  stores: () => readonly ProbedStore[];
  upstream: UpstreamPolicies;
  services: () => readonly ProbedService[];
  requests: RequestCounter;
  /** The OpenAPI document in force; asked per request. */
  document: () => Record<string, unknown>;
}

const OWN = { constraints: { banyan: 'own' } };

/** For orchestrators and operators: `/_banyan/…`, and without it where `server.probes` is set (see match.ts). */
export function probeRoutes(app: FastifyInstance, own: OwnContext): void {
  const { ready, stores, upstream, services, requests } = own;
  for (const prefix of ['/_banyan', '']) {
    app.get(`${prefix}/live`, OWN, () => ({ status: 'live' }));
    app.get(`${prefix}/ready`, OWN, async (_request, reply) => {
      return await reply.code(ready() ? 200 : 503).send({ status: ready() ? 'ready' : 'not ready' });
    });
    app.get(`${prefix}/health`, OWN, async (_request, reply) => {
      const health = await healthOf(stores(), { upstream: upstream.breaker.state, services: services() });
      return await reply.code(health.status === 'ok' ? 200 : 503).send(health);
    });
    app.get(`${prefix}/metrics`, OWN, async (_request, reply) => {
      const families = [
        ...storeFamilies(stores()),
        ...upstreamFamilies({ retries: upstream.retry.retries, open: upstream.breaker.state === 'open' }),
        ...serviceFamilies(services()),
        ...requests.families(),
      ];
      return await reply.header('content-type', PROMETHEUS_TYPE).send(prometheusText(families));
    });
  }
}

/** `/openapi.json`, and the page `/docs` that shows it. */
export async function docsRoutes(app: FastifyInstance, { document }: OwnContext): Promise<void> {
  const [{ default: swagger }, { default: swaggerUi }] = await Promise.all([
    import('@fastify/swagger'),
    import('@fastify/swagger-ui'),
  ]);
  // The page's own routes are told apart from the upstream's as all of ours are.
  app.addHook('onRoute', (route) => {
    route.constraints = { ...route.constraints, ...OWN.constraints };
  });
  app.get('/openapi.json', async (_request, reply) => {
    return await reply
      .header('content-type', 'application/json; charset=utf-8')
      .send(stringifyJson(document()));
  });
  // The page asks for the document itself, so that it shows the one in force.
  await app.register(swagger, { mode: 'static', specification: { document: { openapi: '3.1.0' } as never } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: { url: '/openapi.json' },
    staticCSP: true,
  });
}
