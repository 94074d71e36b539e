import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError, isPassing } from '../domain/errors.ts';
import { stringifyJson, type PublicRecord, type Value } from '../domain/values.ts';
import type { Key } from '../domain/words.ts';
import type { CreateOutcome } from '../replication/resource.ts';
import { readBatch } from './batch-body.ts';
import { runBatch, type BatchRecord } from './batch-writes.ts';
import { ownRecord } from './access.ts';
import { admitCallers, callerIn } from './admission.ts';
import { inPlainWords } from './duplicates.ts';
import { ENVELOPES } from './envelope.ts';
import { readMessage, type Face } from './face.ts';
import { once, type Answer } from './idempotency.ts';
import type { Match } from './match.ts';
import { oneLookEach, refuseForeignParents } from './parents.ts';
import { send, sendError, type RouteContext } from './resource-routes.ts';
import type { ResourceRuntime } from './runtime.ts';
import { newKey } from './writes.ts';

export type BatchMatch = Match & { kind: 'batch' };

const TYPES = [/^application\/(.+\+)?json\b/, /^application\/(x-ndjson|ndjson|jsonl|x-jsonlines)\b/];

/** `POST path/batch`: many creates with one request; the answer has one entry for each, in their order. */
export function batchRoutes(app: FastifyInstance, context: RouteContext): void {
  admitCallers(app, context);
  app.removeAllContentTypeParsers();
  for (const type of TYPES) {
    app.addContentTypeParser(type, async (request: FastifyRequest, body: AsyncIterable<Buffer>) => {
      const match = context.matchOf(request) as BatchMatch;
      return await readText(body, match.resource.settings.batch?.bodyLimit ?? 0);
    });
  }
  app.route({
    method: 'POST',
    url: '/*',
    constraints: { banyan: 'batch' },
    handler: async (request, reply) => await handle(context, request, reply),
    errorHandler: (error, request, reply) => {
      const match = context.matchOf(request) as BatchMatch;
      const code = (error as { code?: string }).code;
      const failure =
        code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE' ? new BanyanError('unsupported-media-type') : error;
      void sendError(reply, match.resource.settings.envelope, failure, request.id);
    },
  });
}

/** The body as text. A batch has a limit of its own, so it is not Fastify that counts. */
async function readText(body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) throw new BanyanError('payload-too-large', `the batch has more than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function handle(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const match = context.matchOf(request) as BatchMatch;
  const { settings } = match.resource;
  try {
    const runtime = context.runtimeOf(match);
    if (!runtime) throw new BanyanError('not-ready');
    await context.checkRate(request, reply, settings, callerIn(request));
    return await create(runtime, match.face, request, reply);
  } catch (error) {
    if (!isBanyanError(error)) request.log.error({ err: error }, 'a batch failed without a name for it');
    return sendError(reply, settings.envelope, error, request.id);
  }
}

async function create(
  runtime: ResourceRuntime,
  face: Face,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { settings } = runtime.resource;
  const caller = callerIn(request);
  const text = typeof request.body === 'string' ? request.body : '';
  const atomic = isAtomic(request.query as Record<string, string | undefined>);
  const messages = readBatch(text, request.headers['content-type'] ?? '', settings.batch?.max ?? 0);
  const look = oneLookEach();
  const accepted = await Promise.all(messages.map((message) => accept(runtime, face, message, caller, look)));
  if (atomic) refuseAny(accepted);
  const assigned = accepted.map((one) => ('record' in one ? one.key : null));
  const run = async (
    keys: readonly (Key | null)[],
    repeated: boolean,
  ): Promise<Answer & { settled: boolean }> => {
    const good = accepted.flatMap((one, index) =>
      'record' in one ? [{ ...one, key: keys[index] ?? null, index }] : [],
    );
    const create = async () => await runBatch(runtime, { records: good, atomic, repeated, caller });
    const done = good.length > 0 ? await inPlainWords(runtime, caller, create) : null;
    const outcomes: CreateOutcome[] = accepted.map((one) => ('error' in one ? one : { record: {} }));
    good.forEach(({ index }, place) => (outcomes[index] = done?.outcomes[place] as CreateOutcome));
    if (done) void reply.header('x-served-by', done.side);
    if (done?.secondary) void reply.header('x-banyan-secondary', done.secondary);
    return answerOf(runtime, face, outcomes);
  };
  const token = request.headers['idempotency-key'];
  if (token === undefined) {
    const { status, body } = await run(assigned, false);
    return send(reply, status, body);
  }
  const asked = {
    token: String(token),
    method: 'POST',
    path: `${face.path}/batch${atomic ? '?atomic=true' : ''}`,
    body: text,
    // All ids of the batch: a repeat is the same creates.
    key: stringifyJson(assigned),
    caller,
  };
  const answer = await once(runtime, asked, async (keys, repeated) => {
    const done = await run(JSON.parse(keys ?? '[]') as (Key | null)[], repeated);
    if (done.settled) return done;
    // Kept, it would be repeated for ever; as it is, a repeat does what is missing.
    const details = (JSON.parse(done.body) as Value) ?? null;
    throw new BanyanError('outcome-unknown', 'some records of the batch may or may not have been created', {
      details,
      outcome: 'unknown',
    });
  });
  if (answer.replayed) void reply.header('idempotency-replayed', 'true');
  return send(reply, answer.status, answer.body);
}

function isAtomic({ atomic = 'false', ...others }: Record<string, string | undefined>): boolean {
  const unknown = Object.keys(others);
  if (unknown.length > 0 || !['true', 'false'].includes(atomic))
    throw new BanyanError('invalid-query', 'a batch takes atomic=true or atomic=false, and nothing else');
  return atomic === 'true';
}

async function accept(
  runtime: ResourceRuntime,
  face: Face,
  message: ReturnType<typeof readBatch>[number],
  caller: Caller,
  look: ReturnType<typeof oneLookEach>,
): Promise<BatchRecord | { error: BanyanError }> {
  if ('error' in message) return message;
  try {
    const given = readMessage(face, message.value, 'create');
    const key = runtime.resource.mapping.keyGiven(given) ?? newKey(runtime);
    const record = ownRecord(caller, runtime.resource, 'create', given);
    await refuseForeignParents(runtime, caller, record, key, undefined, look);
    return { record, key };
  } catch (error) {
    if (isBanyanError(error)) return { error };
    throw error;
  }
}

/** Of a batch that is done as a whole or not at all, one bad message is enough. */
function refuseAny(accepted: readonly (BatchRecord | { error: BanyanError })[]): void {
  const problems = accepted.flatMap((one, index) => ('error' in one ? [{ index, error: one.error }] : []));
  const [first] = problems;
  if (!first) return;
  throw new BanyanError('validation-failed', `record ${first.index}: ${first.error.message}`, {
    details: problems.map(({ index, error }) => ({ index, ...errorOf(error) })),
  });
}

function errorOf({ code, message, details }: BanyanError): Record<string, Value> {
  return { code, message, ...(details === undefined ? {} : { details }) };
}

/** 201 when all were created, else 207 with an entry for each. */
function answerOf(
  { resource }: ResourceRuntime,
  face: Face,
  outcomes: readonly CreateOutcome[],
): Answer & { settled: boolean } {
  const items = outcomes.map((outcome, index): PublicRecord => {
    if ('error' in outcome)
      return { index, status: outcome.error.entry.status, error: errorOf(outcome.error) };
    return {
      index,
      status: 201,
      ...idOf(face, resource.mapping.keyValues(resource.mapping.keyOf(outcome.record))),
    };
  });
  const refused = outcomes.filter((outcome) => 'error' in outcome).length;
  const data = { accepted: outcomes.length - refused, refused, items };
  const settled = outcomes.every((outcome) => 'record' in outcome || !mayChange(outcome.error));
  const body = stringifyJson(ENVELOPES[resource.settings.envelope].record(data));
  return { status: refused === 0 ? 201 : 207, body, settled };
}

/** Whether the same record sent again may have another outcome. */
function mayChange(error: BanyanError): boolean {
  return isPassing(error) || error.entry.status >= 500;
}

function idOf(face: Face, key: PublicRecord): PublicRecord {
  return face.shape.renamed(key);
}
