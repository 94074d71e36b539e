import type { IncomingHttpHeaders } from 'node:http';
import proxy from '@fastify/http-proxy';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BreakerSettings, RetrySettings } from '../domain/configuration.ts';
import { BanyanError } from '../domain/errors.ts';
import type { Log } from '../observability/log.ts';
import { sendError } from './resource-routes.ts';
import { UpstreamBreaker } from './upstream-breaker.ts';
import { type ForwardedAttempt, UpstreamRetry } from './upstream-retry.ts';

export interface ForwardOptions {
  /** Base URL; null: answer 404. Asked per request: a new configuration moves it between two requests. */
  upstream: () => string | null;
  /** When it is asked again and when it is left alone; null: never. */
  settings: () => { retry: RetrySettings | null; breaker: BreakerSettings | null };
  policies: UpstreamPolicies;
  constraints: Record<string, string>;
  patience?: UpstreamPatience;
}

/** What is done about the upstream's failures, and has been. */
export class UpstreamPolicies {
  readonly retry = new UpstreamRetry();
  readonly breaker: UpstreamBreaker;

  constructor(log: Log) {
    this.breaker = new UpstreamBreaker(({ message, details }) =>
      log.warn({ upstream: true, ...details }, message),
    );
  }
}

/** Longest silence of the upstream before its answer begins, and in the middle of it; ms. */
export interface UpstreamPatience {
  answer: number;
  body: number;
}

/** Long: the upstream's slow reports and quiet event streams went through before the gateway was there. */
const PATIENCE: UpstreamPatience = { answer: 300_000, body: 300_000 };

/** Codes of an upstream that did not answer in time; every other failure is one that cannot be reached. */
const TIMEOUTS = new Set(['UND_ERR_CONNECT_TIMEOUT', 'FST_REPLY_FROM_GATEWAY_TIMEOUT']);

/** Headers that are about one connection only (RFC 9110, 7.6.1). */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'];

/**
 * What no resource names goes to the legacy upstream untouched: streamed bodies both ways, websockets, headers, status,
 * no parsing.
 */
export async function forwardRoutes(app: FastifyInstance, options: ForwardOptions): Promise<void> {
  const { upstream, settings, policies, constraints, patience = PATIENCE } = options;
  app.setErrorHandler((error, request, reply) => refuse(reply, refusal(error), request));
  app.addHook('onRequest', (request, _reply, done) => {
    hideType(request);
    done();
  });
  // Fastify's own parsers would read JSON and plain text.
  app.removeAllContentTypeParsers();
  await app.register(proxy, {
    upstream: '',
    prefix: '/',
    constraints,
    httpMethods: app.supportedMethods,
    websocket: true,
    wsClientOptions: { rewriteRequestHeaders: handshakeHeaders },
    // As many connections as there are requests: a limit would let open event streams keep everything else waiting.
    undici: {
      connections: null,
      pipelining: 1,
      headersTimeout: patience.answer,
      bodyTimeout: patience.body,
      // The library would trust any certificate.
      tls: { rejectUnauthorized: true },
    },
    destroyAgent: true,
    disableRequestLogging: true,
    internalRewriteLocationHeader: false,
    preHandler: async (request: FastifyRequest, reply: FastifyReply) => {
      const problem = upstream() === null ? noRoute(request) : unsendable(request);
      const refused = problem ?? (await policies.breaker.admit(settings().breaker, reply));
      if (!refused) return;
      refuse(reply, refused, request);
      return reply;
    },
    preRewrite: (target: string) => basePath(upstream()) + target,
    replyOptions: {
      getUpstream: () => upstream() ?? '',
      // In place of the library's own rule: a 503 of the upstream is an answer, and it would ask up to ten times more.
      retryDelay: (attempt: ForwardedAttempt) => policies.retry.pause(settings().retry, attempt),
      rewriteRequestHeaders: requestHeaders,
      rewriteHeaders: (headers: IncomingHttpHeaders) => without(headers, HOP_BY_HOP),
      onError: (reply: FastifyReply, { error }: { error: Error & { code?: string } }) => {
        const code = TIMEOUTS.has(error.code ?? '') ? 'upstream-timeout' : 'upstream-unreachable';
        // For the log the reason in the socket's own words, which no client gets.
        UpstreamBreaker.failed(reply, new BanyanError(code, error.message, { cause: error }));
        refuse(reply, new BanyanError(code, undefined, { cause: error }), reply.request);
      },
    },
  } as unknown as Parameters<typeof proxy>[1]);
}

/** No resource, no operation and no upstream has this path, or none with this method. */
export function noRoute(request: FastifyRequest): BanyanError {
  return new BanyanError('no-route', `nothing has the path ${pathOf(request)}`);
}

/** What the router and the proxy refuse to read: a path that is broken or leads out of the upstream's. */
export function refusal(error: unknown): unknown {
  if ((error as { statusCode?: number }).statusCode !== 400) return error;
  return new BanyanError('not-forwardable', 'the path has a broken escape, a "..", or begins with "//"');
}

function refuse(reply: FastifyReply, failure: unknown, request: FastifyRequest): void {
  void sendError(reply, 'success-data', failure, request.id);
}

/** The proxy has no way to pass on the body of a GET; leaving it out would ask for something else. */
function unsendable({ method, headers }: FastifyRequest): BanyanError | null {
  const body = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
  if (!body || (method !== 'GET' && method !== 'HEAD' && method !== 'TRACE')) return null;
  return new BanyanError('not-forwardable', `a ${method} with a body cannot be passed on`);
}

const CONTENT_TYPE = Symbol('content type');
type TypedRequest = FastifyRequest['raw'] & { [CONTENT_TYPE]?: string };

/** Fastify refuses a body of a type that it cannot read; which types there are is the upstream's matter. */
function hideType({ raw }: FastifyRequest): void {
  const type = raw.headers['content-type'];
  if (type === undefined) return;
  (raw as TypedRequest)[CONTENT_TYPE] = type;
  raw.headers['content-type'] = 'application/octet-stream';
}

/** The gateway itself has answered `expect` and `keep-alive`; the connection to the upstream is another one. */
function requestHeaders(request: FastifyRequest, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const type = (request.raw as TypedRequest)[CONTENT_TYPE];
  const sent = without(headers, ['expect', 'keep-alive', 'proxy-connection', 'upgrade']);
  return type === undefined ? sent : { ...sent, 'content-type': type };
}

/** All but what each handshake makes anew. */
function handshakeHeaders(_headers: unknown, request: FastifyRequest): IncomingHttpHeaders {
  const own = Object.keys(request.headers).filter((name) => name.startsWith('sec-websocket-'));
  return without(request.headers, [...HOP_BY_HOP, ...own, 'host']);
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): IncomingHttpHeaders {
  const left = { ...headers };
  for (const name of names) delete left[name];
  return left;
}

/** Path of a base URL, without a slash at its end. */
function basePath(base: string | null): string {
  return base === null ? '' : new URL(base).pathname.replace(/\/$/, '');
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}
