import { randomUUID } from 'node:crypto';
import { METHODS, type IncomingMessage } from 'node:http';
import Fastify, { LogController, type FastifyInstance, type FastifyRequest } from 'fastify';
import type { ServerSettings } from '../domain/configuration.ts';
import { batchRoutes } from './batch-routes.ts';
import { forwardRoutes, noRoute, refusal, type UpstreamPatience } from './forward.ts';
import type { Match, Matcher } from './match.ts';
import { resourceRoutes, sendError, type RouteContext } from './resource-routes.ts';

export interface GatewayOptions extends Pick<RouteContext, 'runtimeOf' | 'operationOf'> {
  server: ServerSettings;
  /** The table in force; asked once per request. */
  matcher: () => Matcher;
  /** Whether requests can be served: registered, and not shutting down. */
  ready: () => boolean;
  /** How long the upstream may be silent, where not as usual. */
  upstreamPatience?: UpstreamPatience;
}

/** The request's match, made before routing: the whole request sees the snapshot that it began with. */
const MATCH = Symbol('match');
type MatchedRequest = IncomingMessage & { [MATCH]?: Match };

/**
 * The HTTP server. Which resources there are changes while it runs, so there are no routes per resource: a constraint
 * tells three kinds of request apart before any body is read, and each kind has its own parsers or none.
 */
export async function createGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit: options.server.bodyLimit,
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
  await app.register(async (scope) => {
    resourceRoutes(scope, { ...options, matchOf });
  });
  await app.register(async (scope) => {
    batchRoutes(scope, { ...options, matchOf });
  });
  await app.register(async (scope) => ownRoutes(scope, options.ready));
  await app.register(async (scope) => {
    await forwardRoutes(scope, {
      upstream: () => options.matcher().snapshot.upstream,
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
      const match = matcher().match(request.method ?? 'GET', request.url ?? '/');
      (request as MatchedRequest)[MATCH] = match;
      return match.kind;
    },
    validate: () => undefined,
  } as never;
}

/** For orchestrators: alive while the process answers, ready while it serves. */
function ownRoutes(app: FastifyInstance, ready: () => boolean): void {
  app.get('/_banyan/live', { constraints: { banyan: 'own' } }, () => ({ status: 'live' }));
  app.get('/_banyan/ready', { constraints: { banyan: 'own' } }, async (_request, reply) => {
    return await reply.code(ready() ? 200 : 503).send({ status: ready() ? 'ready' : 'not ready' });
  });
}
