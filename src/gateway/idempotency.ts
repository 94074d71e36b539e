import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../domain/callers.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import type { Database, Sql } from '../domain/sql.ts';
import { stringifyJson } from '../domain/values.ts';
import type { Key, ResourceName } from '../domain/words.ts';
import { reach } from '../observability/failpoints.ts';
import {
  abandonAttempt,
  beginAttempt,
  finishAttempt,
  yieldAttempt,
  type Attempt,
} from '../state/idempotency.ts';
import { tenantOf } from './access.ts';
import type { ResourceRuntime } from './runtime.ts';

/** An answer as it is kept and repeated. */
export interface Answer {
  status: number;
  body: string;
}

/** Keeps the answer in the transaction of the write itself, so that a crash leaves both or neither. */
export type KeepAnswer = (sql: Sql, answer: Answer) => Promise<void>;

type Run = (key: Key | null, repeated: boolean, keep: KeepAnswer) => Promise<Answer>;

export interface IdempotentRequest {
  token: string;
  method: string;
  path: string;
  body: string;
  /** The id that a create gets if this is its first attempt. */
  key: Key | null;
  /** Whose it is: another caller's same key is another key. */
  caller: Caller;
}

/** How long a repeat waits for the first attempt before it is told to come again; ms. */
const PATIENCE = 3_000;
const LOOK = 25;
const TOKEN = /^[\x21-\x7e]{1,255}$/;

/**
 * Does a write with an `Idempotency-Key` once, in whichever process and under whichever mode its repeats arrive.
 * `run` gets the key of the first attempt, and whether there was one without an answer: then a create looks first, a
 * delete of nothing has succeeded, and a change sets the same values again.
 */
export async function once(
  { resource }: ResourceRuntime,
  request: IdempotentRequest,
  run: Run,
): Promise<Answer & { replayed: boolean }> {
  const { database, name, settings, legacy, new: next } = resource;
  // As long as a write may be held, and then may land on either side (A1).
  const deadline = settings.switch.hold + Math.max(legacy.timing.deadline, next.timing.deadline);
  const tenant = stringifyJson(tenantOf(request.caller, resource)?.value ?? null);
  return await onceIn({ database, name, deadline, tenant }, request, run);
}

/** Where the attempts of a request are kept. */
export interface AttemptPlace {
  database: Database;
  name: ResourceName;
  /** How long an attempt without an answer may still do something, ms. */
  deadline: number;
  /** The caller's tenant: under another one his key is another key. */
  tenant: string;
}

/** As `once`, of what is not one resource's. */
export async function onceIn(
  { database, name, deadline, tenant }: AttemptPlace,
  request: IdempotentRequest,
  run: Run,
): Promise<Answer & { replayed: boolean }> {
  if (!TOKEN.test(request.token)) throw new BanyanError('idempotency-key-invalid');
  const first = {
    resource: name,
    token: ownToken(request, tenant),
    requestHash: hash(request),
    attempt: randomUUID(),
    assignedKey: request.key,
  };
  const until = performance.now() + PATIENCE;
  for (;;) {
    const { attempt, mine, repeated } = await beginAttempt(database, first, deadline);
    if (attempt.requestHash !== first.requestHash) throw new BanyanError('idempotency-key-reused');
    if (attempt.answer) return { ...attempt.answer, replayed: true };
    if (mine) return { ...(await doOnce(database, attempt, repeated, run)), replayed: false };
    if (performance.now() > until) throw new BanyanError('idempotency-in-progress');
    await sleep(LOOK);
  }
}

async function doOnce(database: Database, attempt: Attempt, repeated: boolean, run: Run): Promise<Answer> {
  reach('idempotency.begun');
  const keepWith: KeepAnswer = async (sql, answer) => await finishAttempt(sql, attempt, answer);
  const answer = await run(attempt.assignedKey, repeated, keepWith).catch(async (error: unknown) => {
    // Nothing was done: the next repeat may begin at once. Without an answer the attempt stays until its deadline.
    const nothingDone = isBanyanError(error) && error.outcome === 'not-applied';
    // That a repeat did nothing says nothing of the attempt before it: forgotten, a create would be done twice.
    const letGo = repeated ? yieldAttempt : abandonAttempt;
    if (nothingDone) await letGo(database, attempt).catch(() => undefined);
    throw error;
  });
  reach('idempotency.done');
  // The write is done, and its client is told so whatever becomes of this; a repeat then comes after the deadline.
  await finishAttempt(database, attempt, answer).catch(() => undefined);
  return answer;
}

/**
 * A caller's own key. No key that a client may send has a space in it, so that nobody meets another's; without a token the
 * key is everybody's.
 */
function ownToken({ token, caller }: IdempotentRequest, tenant: string): string {
  if (!caller.known) return token;
  const who = JSON.stringify([caller.subject, tenant]);
  return `${createHash('sha256').update(who).digest('hex')} ${token}`;
}

function hash({ method, path, body }: IdempotentRequest): string {
  return createHash('sha256').update(`${method} ${path}\n${body}`).digest('hex');
}
