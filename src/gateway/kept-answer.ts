import type { FastifyReply, FastifyRequest } from 'fastify';
import { isBanyanError } from '../domain/errors.ts';
import { tenantOf } from './access.ts';
import { callerIn } from './admission.ts';
import type { CachedAnswer } from './cache.ts';
import type { Verb } from './plan.ts';
import type { ResourceRuntime } from './runtime.ts';

/** How long a read waits while its replica may not read (a switch's few milliseconds); ms. */
const READ_PATIENCE = 5_000;

/** The body of an answer to a read, and its headers on the reply: kept ones where the resource has a cache. */
export async function keptAnswer(
  runtime: ResourceRuntime,
  request: FastifyRequest,
  reply: FastifyReply,
  read: () => Promise<CachedAnswer>,
): Promise<string> {
  const { name, settings } = runtime.resource;
  if (!settings.cache) return withHeaders(reply, await read());
  const { epoch } = await runtime.routes.beginRead(name, READ_PATIENCE);
  const scope = JSON.stringify(tenantOf(callerIn(request), runtime.resource)?.value ?? null);
  const question = { resource: name, epoch, scope, target: request.url, ttl: settings.cache.ttl };
  const answer = await runtime.answers.answer(question, read);
  void reply.header('x-cache', answer.hit ? 'hit' : 'miss');
  return withHeaders(reply, answer);
}

function withHeaders(reply: FastifyReply, { body, headers }: CachedAnswer): string {
  void reply.headers(headers);
  return body;
}

/**
 * A write has been tried: what was kept of its resource is not given again. To be awaited before the client is told. A
 * delete may cascade in the store; a write without an answer may land until the deadline is over.
 */
export async function noteWrite(
  { resource, answers }: ResourceRuntime,
  verb: Verb,
  failure?: unknown,
): Promise<void> {
  if (failure !== undefined && isBanyanError(failure) && failure.outcome === 'not-applied') return;
  const note = async () => await answers.written(resource.name, { cascades: verb === 'remove' });
  await note();
  if (failure === undefined) return;
  const deadline = Math.max(resource.legacy.timing.deadline, resource.new.timing.deadline);
  setTimeout(() => void note(), deadline).unref();
}
