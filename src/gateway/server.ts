import { randomUUID } from 'node:crypto';
import { METHODS, type IncomingMessage } from 'node:http';
import Fastify, { LogController, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { ServerSettings } from '../domain/configuration.ts';
import type { TokenVerifier } from '../callers/tokens.ts';
import { allowOrigins } from './cors.ts';
import { batchRoutes } from './batch-routes.ts';
import { RequestCounter, type ProbedService, type ProbedStore } from './health.ts';
import { openApiDocument } from './openapi.ts';
import { docsRoutes, probeRoutes, type OwnContext } from './own-routes.ts';
import { openRateLimits } from './rate-limit.ts';
import type { Redis } from './redis.ts';
import { forwardRoutes, noRoute, refusal, UpstreamPolicies, type UpstreamPatience } from './forward.ts';
import type { Match, Matcher } from './match.ts';
import { resourceRoutes, sendError, type RouteContext } from './resource-routes.ts';

export interface GatewayOptions extends Pick<RouteContext, 'runtimeOf' | 'operationOf'> {
  /** What tells this product from another one in the same Redis: whoever shares its control database is of it. */
  owner?: string;
  server: Omit<ServerSettings, 'trustProxy'> & Partial<Pick<ServerSettings, 'trustProxy'>>;
  /** The table in force; asked once per request. */
  matcher: () => Matcher;
  /** Whether requests can be served: registered, and not shutting down. */
  ready: () => boolean;
  /** What `/health` and `/metrics` speak of. */
  stores?: () => readonly ProbedStore[];
  services?: () => readonly ProbedService[];
  /** Shared by all processes; null: this one counts by itself. */
  redis?: Redis | null;
  /** How long the upstream may be silent, where not as usual. */
  upstreamPatience?: UpstreamPatience;
}

/** The request's match, made before routing: the whole request sees the snapshot that it began with. */
const MATCH = Symbol('match');
const TOKENS = Symbol('tokens');
type MatchedRequest = IncomingMessage & { [MATCH]?: Match; [TOKENS]?: TokenVerifier | null };

/**
 * The HTTP server. Which resources there are changes while it runs, so there are no routes per resource: a constraint
 * tells three kinds of request apart before any body is read, and each kind has its own parsers or none.
 */
export async function createGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const trusted = options.server.trustProxy ?? [];
  const app = Fastify({
    bodyLimit: options.server.bodyLimit,
    trustProxy: trusted.length > 0 && [...trusted],
    logger: options.server.logLevel === 'silent' ? false : { level: 'warn', redact: ['req.headers'] },
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: 'x-request-id',
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    frameworkErrors: (error, request, reply) =>
      void sendError(reply, 'success-data', refusal(error), request.id),
    routerOptions: { maxParamLength: 1_000, constraints: { banyan: matchConstraint(options.matcher) } },
  });
  passOnEveryMethod(app);
  app.setNotFoundHandler((request, reply) => sendError(reply, 'success-data', noRoute(request), request.id));
  const matchOf = (request: FastifyRequest): Match =>
    (request.raw as MatchedRequest)[MATCH] ?? { kind: 'forward' };
  const tokensOf = (request: FastifyRequest) => (request.raw as MatchedRequest)[TOKENS] ?? null;
  const checkRate = await openRateLimits(app, options.redis ?? null, options.owner ?? '');
  if (options.redis) app.addHook('onClose', async () => options.redis?.disconnect());
  const requests = new RequestCounter();
  app.addHook('onResponse', async (request, reply) => {
    const { method } = request;
    requests.add(
      { route: routeName(matchOf(request)), method, status: String(reply.statusCode) },
      reply.elapsedTime,
    );
  });
  await app.register(async (routes) => {
    await allowOrigins(routes, () => options.matcher().snapshot.server.cors);
    await routes.register(async (scope) => {
      resourceRoutes(scope, { ...options, matchOf, tokensOf, checkRate });
    });
    await routes.register(async (scope) => {
      batchRoutes(scope, { ...options, matchOf, tokensOf, checkRate });
    });
  });
  const upstream = new UpstreamPolicies();
  const own: OwnContext = {
    ready: options.ready,
    stores: options.stores ?? (() => []),
    upstream,
    services: options.services ?? (() => []),
    requests,
    document: () => openApiDocument(options.matcher().described),
  };
  await app.register(async (scope) => probeRoutes(scope, own));
  if (options.server.docs) await app.register(async (scope) => await docsRoutes(scope, own));
  await app.register(async (scope) => {
    await forwardRoutes(scope, {
      upstream: () => options.matcher().snapshot.upstream,
      settings: () => {
        const { upstreamRetry = null, upstreamBreaker = null } = options.matcher().snapshot;
        return { retry: upstreamRetry, breaker: upstreamBreaker };
      },
      policies: upstream,
      constraints: { banyan: 'forward' },
      patience: options.upstreamPatience,
    });
  });
  return app;
}

/** Fastify knows the usual ones; the upstream may know WebDAV. */
function passOnEveryMethod(app: FastifyInstance): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method as never))
      app.addHttpMethod(method, { hasBody: true });
  }
}

function matchConstraint(matcher: () => Matcher) {
  return {
    name: 'banyan',
    mustMatchWhenDerived: true,
    storage() {
      const handlers = new Map<unknown, unknown>();
      return {
        get: (kind: unknown) => (handlers.get(kind) ?? null) as never,
        set: (kind: unknown, handler: unknown) => void handlers.set(kind, handler),
      };
    },
    deriveConstraint(request: IncomingMessage) {
      const table = matcher();
      const match = table.match(request.method ?? 'GET', request.url ?? '/');
      (request as MatchedRequest)[MATCH] = match;
      (request as MatchedRequest)[TOKENS] = table.tokens;
      return match.kind;
    },
    validate: () => undefined,
  } as never;
}

/** A route as it is counted: without ids, so that there are few. */
function routeName(match: Match): string {
  switch (match.kind) {
    case 'resource':
      return match.face.path + (match.key === null ? '' : '/:id');
    case 'batch':
      return `${match.face.path}/batch`;
    case 'operation':
      return match.operation.path;
    case 'own':
      return 'own';
    case 'forward':
      return 'upstream';
  }
}
