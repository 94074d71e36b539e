import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { partText } from '../domain/keys.ts';
import { operationName } from '../domain/operations.ts';
import { stringifyJson, type PublicRecord } from '../domain/values.ts';
import { acceptKey, type BodyRole } from '../mapping/accept.ts';
import type { Key } from '../domain/words.ts';
import type { Mapping } from '../mapping/mapping.ts';
import type { BoundResource } from '../replication/resource.ts';
import { admitCallers, callerIn, type AdmissionContext } from './admission.ts';
import { keptAnswer } from './kept-answer.ts';
import type { CheckRate } from './rate-limit.ts';
import { ENVELOPES, publicError } from './envelope.ts';
import { readMessage, withProblems, type Face } from './face.ts';
import { once, type Answer } from './idempotency.ts';
import { readListQuery } from './list-query.ts';
import type { Match } from './match.ts';
import { readJson } from './message-text.ts';
import { allowedMethods, verbOf, type Verb } from './plan.ts';
import { operationEnvelope, runOperation, type BoundOperation } from './operations.ts';
import { readList, readRecord } from './reads.ts';
import type { ResourceRuntime } from './runtime.ts';
import { readStatistics, readStatisticsQuery } from './statistics.ts';
import { newKey, runWrite, type WriteRequest } from './writes.ts';

export type ResourceMatch = Match & { kind: 'resource' };

/** What the routes need of the process. */
export interface RouteContext extends AdmissionContext {
  runtimeOf: (match: { resource: BoundResource }) => ResourceRuntime | undefined;
  /** An operation with everything that it needs; undefined while the gateway does not serve. */
  operationOf: (match: Match & { kind: 'operation' }) => BoundOperation | undefined;
  checkRate: CheckRate;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** One handler for every resource and one for every operation: which one, and in which mode, is looked up per request. */
export function resourceRoutes(app: FastifyInstance, context: RouteContext): void {
  admitCallers(app, context);
  app.removeAllContentTypeParsers();
  // As text: numbers that a double cannot hold must survive (domain/values.ts).
  for (const type of ['application/json', /^application\/.+\+json/])
    app.addContentTypeParser(type, { parseAs: 'buffer' }, (_request, body, done) => {
      const isText = isUtf8(body as Buffer);
      done(isText ? null : new BanyanError('invalid-json', 'the body is not UTF-8'), body.toString('utf8'));
    });
  const common = {
    // Also those that no resource takes: their answer is 405, not "no route".
    method: app.supportedMethods,
    url: '/*',
    exposeHeadRoute: false,
    errorHandler: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const match = context.matchOf(request);
      void sendError(reply, envelopeOf(match, context), fastifyFailure(error), request.id);
    },
  };
  app.route({
    ...common,
    constraints: { banyan: 'resource' },
    handler: async (request, reply) => await handle(context, request, reply),
  });
  app.route({
    ...common,
    constraints: { banyan: 'operation' },
    handler: async (request, reply) => await operate(context, request, reply),
  });
}

/** The form in which a client of this route reads errors. */
function envelopeOf(
  match: Match,
  { operationOf }: Pick<RouteContext, 'operationOf'>,
): keyof typeof ENVELOPES {
  if (match.kind === 'resource') return match.resource.settings.envelope;
  return match.kind === 'operation' ? operationEnvelope(match.operation, operationOf(match)) : 'success-data';
}

async function operate(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const match = context.matchOf(request) as Match & { kind: 'operation' };
  const operation = context.operationOf(match);
  try {
    if (!operation) throw new BanyanError('not-ready');
    const { rateLimit } = match.operation;
    const counted = { name: operationName(match.operation), rateLimit };
    await context.checkRate(request, reply, counted, callerIn(request));
    return await runOperation(operation, match.parameters, request, reply);
  } catch (error) {
    if (!isBanyanError(error)) request.log.error({ err: error }, 'an operation failed without a name for it');
    return sendError(reply, envelopeOf(match, context), error, request.id);
  }
}

async function handle(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const match = context.matchOf(request) as ResourceMatch;
  const { envelope } = match.resource.settings;
  try {
    const verb = verbOf(request.method, match.key !== null);
    if (!verb) {
      void reply.header('allow', allowedMethods(match.key !== null));
      throw new BanyanError('method-not-allowed');
    }
    const runtime = context.runtimeOf(match);
    if (!runtime) throw new BanyanError('not-ready');
    await context.checkRate(request, reply, runtime.resource.settings, callerIn(request));
    const handler = match.statistics ? statistics : HANDLERS[verb];
    return await handler(runtime, match, request, reply);
  } catch (error) {
    if (!isBanyanError(error)) request.log.error({ err: error }, 'a request failed without a name for it');
    return sendError(reply, envelope, error, request.id);
  }
}

type Handler = (
  runtime: ResourceRuntime,
  match: ResourceMatch,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<FastifyReply>;

const HANDLERS: Readonly<Record<Verb, Handler>> = {
  async list(runtime, match, request, reply) {
    const { shape } = match.face;
    const query = readListQuery(
      runtime.resource,
      request.query as Record<string, string>,
      callerIn(request),
      shape,
    );
    const envelope = ENVELOPES[match.resource.settings.envelope];
    const body = await keptAnswer(runtime, request, reply, async () => {
      const { records, pagination, side } = await readList(runtime, query);
      const { total, totalIsEstimate } = pagination;
      const shown = records.map((record) => shape.toPublic(record));
      return {
        body: stringifyJson(envelope.list(shown, pagination)),
        headers: {
          'x-served-by': side,
          ...(total === undefined ? {} : { 'x-total-count': String(total) }),
          ...(totalIsEstimate === undefined
            ? {}
            : { 'x-total-count-kind': totalIsEstimate ? 'estimate' : 'exact' }),
          // Also for envelopes that have no room for it.
          ...(pagination.nextCursor === null ? {} : { 'x-next-cursor': pagination.nextCursor }),
        },
      };
    });
    return send(reply, 200, body);
  },
  async detail(runtime, match, request, reply) {
    const envelope = ENVELOPES[match.resource.settings.envelope];
    const body = await keptAnswer(runtime, request, reply, async () => {
      const { record, side } = await readRecord(runtime, keyIn(runtime, match), callerIn(request));
      const shown = match.face.shape.toPublic(record);
      return { body: stringifyJson(envelope.record(shown)), headers: { 'x-served-by': side } };
    });
    return send(reply, 200, body);
  },
  create: async (...of) => await write('create', ...of),
  replace: async (...of) => await write('replace', ...of),
  change: async (...of) => await write('change', ...of),
  remove: async (...of) => await write('remove', ...of),
};

const statistics: Handler = async (runtime, match, request, reply) => {
  const parameters = request.query as Record<string, string>;
  const asked = readStatisticsQuery(runtime.resource, parameters, callerIn(request), match.face.shape);
  const body = await keptAnswer(runtime, request, reply, async () => {
    const { groups, side } = await readStatistics(runtime, asked);
    const data = ENVELOPES[match.resource.settings.envelope].record(groups as unknown as PublicRecord);
    return { body: stringifyJson(data), headers: { 'x-served-by': side } };
  });
  return send(reply, 200, body);
};

const BODY_ROLES: Readonly<Record<WriteRequest['verb'], BodyRole | null>> = {
  create: 'create',
  replace: 'replace',
  change: 'change',
  remove: null,
};

async function write(
  verb: WriteRequest['verb'],
  runtime: ResourceRuntime,
  match: ResourceMatch,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { mapping, settings } = runtime.resource;
  const role = BODY_ROLES[verb];
  const { face } = match;
  const record = role ? readBody(face, request, role) : {};
  const caller = callerIn(request);
  const key = match.key === null ? (mapping.keyGiven(record) ?? newKey(runtime)) : keyIn(runtime, match);
  if (match.key !== null && key !== null) refuseOtherKey(mapping, key, record);
  const run = async (assigned: Key | null, repeated: boolean): Promise<Answer> => {
    const result = await runWrite(runtime, { verb, key: assigned, record, repeated, caller });
    void reply.header('x-served-by', result.side);
    if (result.secondary) void reply.header('x-banyan-secondary', result.secondary);
    const shown = verb === 'remove' ? face.shape.renamed(result.record) : face.shape.toPublic(result.record);
    const body = stringifyJson(ENVELOPES[settings.envelope].record(shown));
    return { status: verb === 'create' ? 201 : 200, body };
  };
  const token = request.headers['idempotency-key'];
  if (token === undefined) {
    const { status, body } = await run(key, false);
    return send(reply, status, body);
  }
  const text = typeof request.body === 'string' ? request.body : '';
  const asked = {
    token: String(token),
    method: request.method,
    path: face.path + (match.key ?? ''),
    body: text,
    key,
    caller,
  };
  const answer = await once(runtime, asked, run);
  if (answer.replayed) void reply.header('idempotency-replayed', 'true');
  return send(reply, answer.status, answer.body);
}

function refuseOtherKey(mapping: Mapping, key: Key, record: PublicRecord): void {
  const named = mapping.keyValues(key);
  const others = Object.keys(named).filter(
    (field) => record[field] !== undefined && partText(record[field]) !== partText(named[field]),
  );
  if (others.length === 0) return;
  throw withProblems(
    'validation-failed',
    others.map((field) => ({
      field,
      message: `is "${partText(record[field])}", but the path names "${partText(named[field])}"; an id cannot change`,
    })),
  );
}

function readBody(face: Face, request: FastifyRequest, role: BodyRole): PublicRecord {
  if (typeof request.body !== 'string') throw new BanyanError('invalid-json', 'the request has no body');
  return readMessage(face, readJson(request.body, 'the body'), role);
}

function keyIn(runtime: ResourceRuntime, match: ResourceMatch): Key {
  const { mapping } = runtime.resource;
  const key = acceptKey(mapping, match.key ?? '');
  if (key === null)
    throw new BanyanError(
      'invalid-key',
      `"${match.key}" is not an id of ${runtime.resource.name} (${mapping.keys.map(({ type }) => type).join('~')})`,
    );
  return key;
}

export function send(reply: FastifyReply, status: number, body: string): FastifyReply {
  return reply.code(status).header('content-type', JSON_TYPE).send(body);
}

export function sendError(
  reply: FastifyReply,
  envelope: keyof typeof ENVELOPES,
  failure: unknown,
  requestId: string,
): FastifyReply {
  const { status, error, retryAfter, challenge } = publicError(failure, requestId);
  if (challenge !== null) void reply.header('www-authenticate', challenge);
  if (retryAfter !== null) void reply.header('retry-after', retryAfter);
  if (error.code === 'read-only') void reply.header('allow', 'GET, HEAD');
  return send(reply, status, stringifyJson(ENVELOPES[envelope].error(error)));
}

/** Fastify's own refusals by their code. */
const FASTIFY_CODES: Readonly<Record<string, () => BanyanError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new BanyanError('payload-too-large'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () => new BanyanError('unsupported-media-type'),
  FST_ERR_CTP_EMPTY_JSON_BODY: () => new BanyanError('invalid-json', 'the body is empty'),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new BanyanError('invalid-json', 'content-length and body differ'),
};

function fastifyFailure(error: unknown): unknown {
  const code = (error as { code?: string }).code ?? '';
  return FASTIFY_CODES[code]?.() ?? error;
}
