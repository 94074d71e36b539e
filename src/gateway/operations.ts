import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from '../domain/callers.ts';
import type { OperationSettings } from '../domain/configuration.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { MODES } from '../domain/modes.ts';
import { operationName } from '../domain/operations.ts';
import type { Database, Sql } from '../domain/sql.ts';
import { stringifyJson, type PublicRecord, type Value } from '../domain/values.ts';
import type { Key, ResourceName, Side } from '../domain/words.ts';
import { tenantOf } from './access.ts';
import { callerIn } from './admission.ts';
import { ENVELOPES } from './envelope.ts';
import { onceIn, type Answer, type KeepAnswer } from './idempotency.ts';
import { noteWrite } from './kept-answer.ts';
import { readJson } from './message-text.ts';
import type { OperationComparer } from './operation-comparer.ts';
import {
  readsOfSide,
  recordsOneByOne,
  recordsWithin,
  type OperationReads,
  type OperationRecords,
} from './operation-records.ts';
import type { ResourceRuntime } from './runtime.ts';
import { auditWrite } from './write-audit.ts';
import type { Service, ServiceAnswer } from './service-call.ts';

export type { OperationPage, OperationReads, OperationRecords } from './operation-records.ts';

/**
 * What a handler works with. On the new side all of it is one transaction; on legacy each write stands alone. `Shapes`:
 * the public records of its resources, by resource, so that the handler is typed.
 */
export interface OperationContext<Shapes extends object = Record<ResourceName, PublicRecord>> {
  /** The request's JSON body; null when it has none. */
  body: Value;
  /** Values of the path's parameters, decoded: of `/api/clients/:id/merge` it is `id`. */
  parameters: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string | string[] | undefined>>;
  /** Who asks: subject, roles, claims. */
  caller: Caller;
  /** The client's `Idempotency-Key`, for what the handler does beside the stores; null: none was sent. */
  idempotencyKey: string | null;
  /** The side on which it runs. */
  side: Side;
  /**
   * The transaction of the new side, for statements of its own, e.g. `SELECT … FOR UPDATE`; every write of it is marked,
   * and none is limited to a tenant. Null on legacy, and in an operation without resources.
   */
  sql: Sql | null;
  /** Records of a resource that the operation names in `resources`, where they are now. */
  of<Name extends keyof Shapes & string>(resource: Name): OperationRecords<Shapes[Name]>;
  /** The same records on one side, for reading, e.g. for figures over both. */
  on<Name extends keyof Shapes & string>(side: Side, resource: Name): OperationReads<Shapes[Name]>;
}

/** Answers the data that goes into the envelope; throws a BanyanError to refuse. */
export type OperationHandler = (context: OperationContext) => Promise<Value>;

/** What the module of an operation exports: a handler for each side that it can run on. */
export interface OperationModule {
  legacy?: OperationHandler;
  new?: OperationHandler;
}

/** What runs on a side: a handler of a module, or a service; null: nothing. */
export type BoundSide = { handler: OperationHandler } | { service: Service } | null;

export interface BoundOperation {
  settings: OperationSettings;
  sides: Readonly<Record<Side, BoundSide>>;
  runtimes: readonly ResourceRuntime[];
  /** The control database, where answers to repeats are kept. */
  database: Database;
  comparer: OperationComparer;
}

/** One run of an operation, whichever side it is for. */
export interface OperationRequest {
  body: string;
  parameters: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string | string[] | undefined>>;
  headers: FastifyRequest['headers'];
  /** Path and query. */
  target: string;
  caller: Caller;
  requestId: string;
}

/** An operation without resources is held by nothing, and leaves no mark: it may be repeated after this long; ms. */
const ATTEMPT = 60_000;

/** Runs an operation on the side where its resources are, with the same holds, marks and checks as single writes. */
export async function runOperation(
  operation: BoundOperation,
  parameters: Readonly<Record<string, string>>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { settings, runtimes } = operation;
  const caller = callerIn(request);
  const asked: OperationRequest = {
    body: typeof request.body === 'string' ? request.body : '',
    parameters,
    query: request.query as OperationRequest['query'],
    headers: request.headers,
    target: request.url,
    caller,
    requestId: request.id,
  };
  // Before anything is done: each of its resources must be one that the caller has a tenant for.
  const tenants = runtimes.map(({ resource }) => tenantOf(caller, resource)?.value ?? null);
  const run = async (keep: KeepAnswer | null) => {
    const { answer, side } = await decideAndRun(operation, asked, keep);
    void reply.header('x-served-by', side);
    if (settings.mode === 'shadow') {
      // Of two callers each may get another answer.
      const what = `${settings.method} ${asked.target} ${caller.subject ?? ''}\n${asked.body}`;
      const other = async () => await runOn(operation, 'new', asked);
      operation.comparer.compare({ settings, request: what, answer, other });
    }
    return answer;
  };
  const token = request.headers['idempotency-key'];
  const answer =
    token === undefined
      ? await run(null)
      : await onceIn(
          attemptsOf(operation, stringifyJson(tenants)),
          {
            token: String(token),
            method: settings.method,
            path: request.url,
            body: asked.body,
            key: null,
            caller,
          },
          async (_key, _repeated, keep) => await run(keep),
        );
  return reply
    .code(answer.status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(answer.body);
}

/** Where its repeats are found; beside those of its first resource, as ever. */
function attemptsOf({ settings, runtimes, database }: BoundOperation, tenant: string) {
  const [lead] = runtimes;
  const longest = (of: ResourceRuntime) =>
    Math.max(of.resource.legacy.timing.deadline, of.resource.new.timing.deadline);
  return {
    database,
    name: lead?.resource.name ?? operationName(settings),
    deadline: lead ? lead.resource.settings.switch.hold + Math.max(...runtimes.map(longest)) : ATTEMPT,
    tenant,
  };
}

/** The form of its answers and of its errors. */
export function operationEnvelope(
  settings: OperationSettings,
  operation: BoundOperation | undefined,
): keyof typeof ENVELOPES {
  if (settings.envelope) return settings.envelope;
  const fallback = settings.resources.length > 0 ? 'success-data' : 'none';
  return operation?.runtimes[0]?.resource.settings.envelope ?? fallback;
}

async function decideAndRun(
  operation: BoundOperation,
  request: OperationRequest,
  keep: KeepAnswer | null,
): Promise<{ answer: Answer; side: Side }> {
  const { settings, runtimes } = operation;
  if (settings.mode !== null) {
    const side = settings.mode === 'new' ? 'new' : 'legacy';
    return { answer: await runOn(operation, side, request, keep), side };
  }
  const until =
    performance.now() + Math.min(...runtimes.map(({ resource }) => resource.settings.switch.hold));
  for (;;) {
    const side = await sideOf(operation, until);
    try {
      return { answer: await runOn(operation, side, request, keep), side };
    } catch (error) {
      if (!isBanyanError(error, 'switching') || performance.now() >= until) throw error;
      await runtimes[0]?.routes.refresh();
    }
  }
}

/** The side that decides for all of the operation's resources; waits while one of them is being switched. */
async function sideOf(operation: BoundOperation, until: number): Promise<Side> {
  const { settings, runtimes } = operation;
  const sides: Side[] = [];
  for (const { resource, routes } of runtimes) {
    const permit = await routes.beginWrite(resource.name, Math.max(0, until - performance.now()));
    sides.push(MODES[permit.state.mode].primary);
    permit.end();
  }
  if (new Set(sides).size === 1) return sides[0] as Side;
  // One that only reads does not mind: run as on legacy, each of its reads goes where that resource's reads go.
  if (settings.safe && operation.sides.legacy) return 'legacy';
  const where = runtimes.map(({ resource }, index) => `${resource.name} on ${sides[index]}`).join(', ');
  throw new BanyanError(
    'operation-closed',
    `operation ${settings.name} needs its resources on one side; they are: ${where}`,
  );
}

/** Runs an operation on a side. `keep` keeps the answer in the transaction of the work itself, where there is one. */
export async function runOn(
  operation: BoundOperation,
  side: Side,
  request: OperationRequest,
  keep: KeepAnswer | null = null,
): Promise<Answer> {
  const runs = operation.sides[side];
  if (!runs)
    throw new BanyanError(
      'operation-closed',
      `operation ${operation.settings.name} has no handler for the ${side} side`,
    );
  if ('service' in runs) return answerOf(operation, await ask(operation, runs.service, request));
  const around = operation.runtimes.length > 0 ? HANDLERS[side] : runAlone;
  return await around(operation, runs.handler, baseOf(operation, side, request), keep);
}

async function ask(
  { settings }: BoundOperation,
  service: Service,
  { target, headers, body, requestId }: OperationRequest,
): Promise<ServiceAnswer> {
  return await service.ask({ method: settings.method, target, headers, body }, requestId);
}

function answerOf(operation: BoundOperation, answer: ServiceAnswer): Answer {
  if ('refusal' in answer) return answer.refusal;
  const envelope = ENVELOPES[operationEnvelope(operation.settings, operation)];
  return { status: 200, body: stringifyJson(envelope.record(answer.data as PublicRecord)) };
}

/** What every handler gets, on either side. */
type BaseContext = Omit<OperationContext, 'of' | 'sql'>;

function baseOf(operation: BoundOperation, side: Side, request: OperationRequest): BaseContext {
  const { caller, parameters, query, headers } = request;
  const token = headers['idempotency-key'];
  return {
    body: request.body === '' ? null : readJson(request.body, 'the body'),
    parameters,
    query,
    caller,
    idempotencyKey: token === undefined ? null : String(token),
    side,
    on: (of, name) => readsOfSide(runtimeOf(operation, name), caller, of),
  };
}

type RunHandler = (
  operation: BoundOperation,
  handler: OperationHandler,
  base: BaseContext,
  keep: KeepAnswer | null,
) => Promise<Answer>;

const HANDLERS: Readonly<Record<Side, RunHandler>> = { legacy: runOnLegacy, new: runOnNew };

/** An operation without resources: what it does is its own. */
async function runAlone(...[operation, handler, base]: Parameters<RunHandler>): Promise<Answer> {
  const of = (name: ResourceName) => {
    throw notNamed(operation, name);
  };
  return answerOf(operation, { data: await handler({ ...base, sql: null, of }) });
}

/**
 * Each write is a write of its own: marked, sent, synced. A failure leaves the ones before it done, so its outcome is not
 * "nothing": a repeat with the same Idempotency-Key waits until the attempt's deadline.
 */
async function runOnLegacy(...[operation, handler, base]: Parameters<RunHandler>): Promise<Answer> {
  const done = { writes: 0 };
  const of = (name: ResourceName) => recordsOneByOne(runtimeOf(operation, name), base.caller, done);
  try {
    return answerOf(operation, { data: await handler({ ...base, sql: null, of }) });
  } catch (error) {
    if (done.writes === 0 || !isBanyanError(error)) throw error;
    // Not "switching": what is done already must not be done again on the other side.
    const code = error.code === 'switching' ? 'outcome-unknown' : error.code;
    const { message, details } = error;
    throw new BanyanError(code, message, { details, outcome: 'unknown', cause: error });
  }
}

/** One transaction; the triggers check the stage and mark every record in it (R9, D5). Any failure undoes all of it. */
async function runOnNew(...[operation, handler, base, keep]: Parameters<RunHandler>): Promise<Answer> {
  const database = operation.runtimes[0]?.resource.new.store.database;
  if (!database)
    throw new BanyanError(
      'operation-closed',
      `operation ${operation.settings.name}: the new store has no transactions`,
    );
  const written: RecordWrite[] = [];
  // A transaction may have deleted what others refer to, and written by statements of its own.
  const noteWrites = async (failure?: unknown) =>
    void (await Promise.all(operation.runtimes.map((runtime) => noteWrite(runtime, 'remove', failure))));
  const work = database.transaction(async (sql) => {
    const of = (name: ResourceName): OperationRecords => {
      const runtime = runtimeOf(operation, name);
      return recordsWithin(runtime, base.caller, sql, (verb, key) => written.push({ runtime, verb, key }));
    };
    const result = answerOf(operation, { data: await handler({ ...base, sql, of }) });
    await keep?.(sql, result);
    return result;
  });
  const answer = await work.catch(async (error: unknown) => {
    // A COMMIT without an answer may have been done.
    if (isBanyanError(error) && error.outcome === 'unknown') await noteWrites(error);
    throw error;
  });
  for (const { runtime, key } of written) runtime.syncer.wake([key]);
  await noteWrites();
  for (const { runtime, verb, key } of written) await auditWrite(runtime, base.caller, verb, [key]);
  return answer;
}

interface RecordWrite {
  runtime: ResourceRuntime;
  verb: 'create' | 'change' | 'remove';
  key: Key;
}

function runtimeOf(operation: BoundOperation, name: ResourceName): ResourceRuntime {
  const runtime = operation.runtimes.find(({ resource }) => resource.name === name);
  if (!runtime) throw notNamed(operation, name);
  return runtime;
}

function notNamed({ settings }: BoundOperation, name: ResourceName): BanyanError {
  return new BanyanError(
    'operation-closed',
    `operation ${settings.name} uses ${name} but does not name it in "resources"`,
  );
}
