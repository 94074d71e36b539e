import proxy from '@fastify/http-proxy';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { BanyanError } from '../domain/errors.ts';
import { sendError } from './resource-routes.ts';

/** Node and undici codes of an upstream that did not answer, by what the client is told. */
const TIMEOUTS = new Set([
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'FST_REPLY_FROM_TIMEOUT',
  'FST_REPLY_FROM_GATEWAY_TIMEOUT',
]);

/**
 * What no resource names goes to the legacy upstream untouched: streamed bodies both ways, websockets, headers, status,
 * no parsing. `upstream` is asked per request: a new configuration moves it between two requests.
 */
export async function forwardRoutes(
  app: FastifyInstance,
  upstream: () => string | null,
  constraints: Record<string, string>,
): Promise<void> {
  await app.register(proxy, {
    upstream: '',
    prefix: '/',
    constraints,
    websocket: true,
    undici: { connections: 256, pipelining: 1 },
    preHandler: (request, reply, done) => {
      if (upstream() === null)
        void sendError(
          reply,
          'success-data',
          new BanyanError('no-route', `nothing has the path ${pathOf(request)}`),
          request.id,
        );
      else done();
    },
    replyOptions: {
      getUpstream: () => upstream() ?? '',
      onError: (reply, { error }) => {
        const code = (error as { code?: string }).code ?? '';
        const failure = new BanyanError(
          TIMEOUTS.has(code) ? 'upstream-timeout' : 'upstream-unreachable',
          undefined,
          { cause: error },
        );
        void sendError(
          reply as never,
          'success-data',
          failure,
          (reply as unknown as { request: { id: string } }).request.id,
        );
      },
    },
  } as Parameters<typeof proxy>[1]);
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}
