import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WritePermit } from '../control/routes.ts';
import type { OperationSettings } from '../domain/configuration.ts';
import { BanyanError, isBanyanError } from '../domain/errors.ts';
import { MODES } from '../domain/modes.ts';
import type { Sql } from '../domain/sql.ts';
import { parseJson, stringifyJson, type PublicRecord, type Value } from '../domain/values.ts';
import type { Key, ResourceName, Side } from '../domain/words.ts';
import { acceptRecord, type BodyRole } from '../mapping/accept.ts';
import type { RecordSide } from '../replication/resource.ts';
import { ENVELOPES } from './envelope.ts';
import { once, type KeepAnswer } from './idempotency.ts';
import type { ResourceRuntime } from './runtime.ts';
import { newKey, runWrite, stampTouched } from './writes.ts';

/** Records of one resource, as an operation reads and writes them: public shapes, validated like a request's body. */
export interface OperationRecords {
  get(key: Key): Promise<PublicRecord | null>;
  create(record: PublicRecord): Promise<PublicRecord>;
  change(key: Key, changes: PublicRecord): Promise<PublicRecord>;
  remove(key: Key): Promise<void>;
}

/** What a handler works with. On the new side all of it is one transaction; on legacy each write stands alone. */
export interface OperationContext {
  /** The request's JSON body; null when it has none. */
  body: Value;
  /** Records of a resource that the operation names in `resources`. */
  of(resource: ResourceName): OperationRecords;
}

/** Answers the data that goes into the envelope; throws a BanyanError to refuse. */
export type OperationHandler = (context: OperationContext) => Promise<Value>;

/** What the module of an operation exports: a handler for each side that it can run on. */
export interface OperationModule {
  legacy?: OperationHandler;
  new?: OperationHandler;
}

export interface BoundOperation {
  settings: OperationSettings;
  module: OperationModule;
  runtimes: readonly ResourceRuntime[];
}

/** Runs an operation on the side where its resources are, with the same holds, marks and checks as single writes. */
export async function runOperation(
  operation: BoundOperation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const [lead] = operation.runtimes;
  if (!lead)
    throw new BanyanError('operation-closed', `operation ${operation.settings.name} names no resource`);
  const text = typeof request.body === 'string' ? request.body : '';
  const body = text === '' ? null : readBody(text);
  const envelope = ENVELOPES[lead.resource.settings.envelope];
  const answerOf = (data: Value) => ({
    status: 200,
    body: stringifyJson(envelope.record(data as PublicRecord)),
  });
  const run = async (keep: KeepAnswer | null) => {
    const done = async (sql: Sql, data: Value) => await keep?.(sql, answerOf(data));
    const { data, side } = await decideAndRun(operation, body, done);
    void reply.header('x-served-by', side);
    return answerOf(data);
  };
  const token = request.headers['idempotency-key'];
  const { path, method } = operation.settings;
  const answer =
    token === undefined
      ? await run(null)
      : await once(
          lead,
          { token: String(token), method, path, body: text, key: null },
          async (_key, _repeated, keep) => await run(keep),
        );
  return reply
    .code(answer.status)
    .header('content-type', 'application/json; charset=utf-8')
    .send(answer.body);
}

function readBody(text: string): Value {
  try {
    return parseJson(text);
  } catch (error) {
    throw new BanyanError('invalid-json', `the body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** Told of what was done before the transaction on the new side commits. */
type Done = (sql: Sql, data: Value) => Promise<void>;

async function decideAndRun(
  operation: BoundOperation,
  body: Value,
  done: Done,
): Promise<{ data: Value; side: Side }> {
  const until =
    performance.now() + Math.min(...operation.runtimes.map(({ resource }) => resource.settings.switch.hold));
  for (;;) {
    const side = await sideOf(operation, until);
    try {
      return { data: await RUN[side](operation, body, done), side };
    } catch (error) {
      if (!isBanyanError(error, 'switching') || performance.now() >= until) throw error;
      await operation.runtimes[0]?.routes.refresh();
    }
  }
}

/** The side that decides for all of the operation's resources; waits while one of them is being switched. */
async function sideOf({ settings, runtimes }: BoundOperation, until: number): Promise<Side> {
  const permits: WritePermit[] = [];
  try {
    for (const { resource, routes } of runtimes) {
      permits.push(await routes.beginWrite(resource.name, Math.max(0, until - performance.now())));
    }
    const sides = permits.map(({ state }) => MODES[state.mode].primary);
    if (new Set(sides).size === 1) return sides[0] as Side;
    const where = runtimes.map(({ resource }, index) => `${resource.name} on ${sides[index]}`).join(', ');
    throw new BanyanError(
      'operation-closed',
      `operation ${settings.name} needs its resources on one side; they are: ${where}`,
    );
  } finally {
    for (const permit of permits) permit.end();
  }
}

const RUN: Readonly<Record<Side, (operation: BoundOperation, body: Value, done: Done) => Promise<Value>>> = {
  legacy: runOnLegacy,
  new: runOnNew,
};

function handlerOf({ settings, module }: BoundOperation, side: Side): OperationHandler {
  const handler = module[side];
  if (!handler)
    throw new BanyanError(
      'operation-closed',
      `operation ${settings.name} has no handler for the ${side} side`,
    );
  return handler;
}

/**
 * Each write is a write of its own: marked, sent, synced. A failure leaves the ones before it done, so its outcome is not
 * "nothing": a repeat with the same Idempotency-Key waits until the attempt's deadline.
 */
async function runOnLegacy(operation: BoundOperation, body: Value): Promise<Value> {
  let writes = 0;
  const of = (name: ResourceName): OperationRecords => {
    const runtime = runtimeOf(operation, name);
    const write = async (verb: 'create' | 'change' | 'remove', key: Key | null, record: PublicRecord) => {
      const written = await runWrite(runtime, { verb, key, record, repeated: false });
      writes += 1;
      return written.record;
    };
    return {
      get: async (key) => (await runtime.resource.legacy.get([key])).get(key) ?? null,
      create: async (record) => {
        const accepted = accept(runtime, record, 'create');
        return await write('create', keyGiven(runtime, accepted), accepted);
      },
      change: async (key, changes) => await write('change', key, accept(runtime, changes, 'change')),
      remove: async (key) => void (await write('remove', key, {})),
    };
  };
  try {
    return await handlerOf(operation, 'legacy')({ body, of });
  } catch (error) {
    if (writes === 0 || !isBanyanError(error)) throw error;
    throw new BanyanError(error.code, error.message, {
      details: error.details,
      outcome: 'unknown',
      cause: error,
    });
  }
}

/** One transaction; the triggers check the stage and mark every record in it (R9, D5). Any failure undoes all of it. */
async function runOnNew(operation: BoundOperation, body: Value, done: Done): Promise<Value> {
  const handler = handlerOf(operation, 'new');
  const database = operation.runtimes[0]?.resource.new.store.database;
  if (!database)
    throw new BanyanError(
      'operation-closed',
      `operation ${operation.settings.name}: the new store has no transactions`,
    );
  const written: [ResourceRuntime, Key][] = [];
  const data = await database.transaction(async (sql) => {
    const of = (name: ResourceName): OperationRecords => {
      const runtime = runtimeOf(operation, name);
      return recordsWithin(runtime, runtime.resource.new.within(sql), (key) => written.push([runtime, key]));
    };
    const result = await handler({ body, of });
    await done(sql, result);
    return result;
  });
  for (const [runtime, key] of written) runtime.syncer.wake([key]);
  return data;
}

function recordsWithin(
  runtime: ResourceRuntime,
  side: RecordSide,
  wrote: (key: Key) => void,
): OperationRecords {
  const { name, mapping } = runtime.resource;
  const missing = (key: Key) => new BanyanError('not-found', `${name} has no record "${key}"`);
  return {
    get: async (key) => (await side.get([key])).get(key) ?? null,
    create: async (record) => {
      const accepted = accept(runtime, record, 'create');
      const key = keyGiven(runtime, accepted);
      const keyed = key === null ? accepted : { ...accepted, ...mapping.keyValues(key) };
      const made = await side.insert(stampTouched(runtime, keyed));
      wrote(mapping.keyOf(made));
      return made;
    },
    change: async (key, changes) => {
      const changed = await side.update(key, stampTouched(runtime, accept(runtime, changes, 'change')));
      if (!changed) throw missing(key);
      wrote(key);
      return changed;
    },
    remove: async (key) => {
      if (!(await side.remove(key))) throw missing(key);
      wrote(key);
    },
  };
}

function runtimeOf({ settings, runtimes }: BoundOperation, name: ResourceName): ResourceRuntime {
  const runtime = runtimes.find(({ resource }) => resource.name === name);
  if (runtime) return runtime;
  throw new BanyanError(
    'operation-closed',
    `operation ${settings.name} uses ${name} but does not name it in "resources"`,
  );
}

function accept(runtime: ResourceRuntime, record: PublicRecord, role: BodyRole): PublicRecord {
  const accepted = acceptRecord(runtime.resource.mapping, record, role);
  if (accepted.ok) return accepted.record;
  const message = accepted.problems
    .map(({ field, message: text }) => `${runtime.resource.name}.${field} ${text}`)
    .join('; ');
  throw new BanyanError('validation-failed', message, {
    details: accepted.problems.map((problem) => ({ ...problem })),
  });
}

function keyGiven(runtime: ResourceRuntime, record: PublicRecord): Key | null {
  const { mapping } = runtime.resource;
  return mapping.keyGiven(record) ?? newKey(runtime);
}
